"""The interface of every source of frames, and the checks that sources of files share."""

from __future__ import annotations

import stat
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from livebg.closable import Closable
from livebg.errors import EndOfStreamError, InputError
from livebg.frame import Frame, Size
from livebg.platform.cameras import CameraMode

__all__ = ["Excerpt", "Source", "SourceInfo", "check_readable_file", "check_size"]


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What a source delivers, known once it is open.

    Attributes:
        name: for messages and window titles.
        size: ``(width, height)`` of every frame, in pixels, after rotation.
        frame_rate: nominal frames per second; None if unknown.
        frame_count: number of frames; None if unknown or endless.
        live: True for a camera: frames come at their own time and are lost if not read.
        asked: the mode that a camera was asked for, if any.
        granted: the mode that a camera delivers.
    """

    name: str
    size: Size
    frame_rate: Fraction | None
    frame_count: int | None
    live: bool
    asked: CameraMode | None = None
    granted: CameraMode | None = None


class Source(Closable):
    """Base class of all sources: delivers frames one after the other.

    A subclass implements `info`, `read` and `close`, and opens its device or file in its
    constructor. Where that fails it raises ``InputError`` (a file) or ``SourceUnavailableError``
    (a device) and leaves nothing open. It keeps these rules, which
    ``tests/contract/test_source.py`` checks:

    - ``info.size`` is the size of every frame.
    - ``Frame.image`` is ``(H, W, 3)`` uint8 BGR, C-contiguous, and not written to once returned;
      no two frames share memory.
    - ``Frame.index`` starts at 0 and grows: by one in a file; a live source also counts the frames
      that were lost.
    - ``Frame.captured_ns`` grows. In a file it is the presentation time, 0 for the first frame;
      live, it is when the picture was taken, by ``livebg.clock``.
    - One thread opens, reads and closes a source; it may be any thread.

    Example:
        >>> import numpy as np
        >>> class Black(Source):
        ...     def __init__(self):
        ...         self._next = 0
        ...     @property
        ...     def info(self):
        ...         return SourceInfo("black", (64, 48), Fraction(25), 3, live=False)
        ...     def read(self):
        ...         if self._next >= 3:
        ...             raise EndOfStreamError("black has 3 frames")
        ...         self._next += 1
        ...         image = np.zeros((48, 64, 3), np.uint8)
        ...         return Frame(image, self._next - 1, (self._next - 1) * 40_000_000)
        ...     def close(self):
        ...         self._next = 3
        >>> with Black() as source:
        ...     print([frame.index for frame in source])
        [0, 1, 2]
    """

    @property
    @abstractmethod
    def info(self) -> SourceInfo:
        """What the source delivers."""

    @abstractmethod
    def read(self) -> Frame:
        """Return the next frame; blocks until there is one.

        Raises:
            EndOfStreamError: there is no further frame; every later call raises it again.
            SourceError: the source failed (camera gone, data corrupt) or is closed.
        """

    @abstractmethod
    def close(self) -> None:
        """Release the device or file. Idempotent; ``read`` afterwards raises SourceError."""

    def __iter__(self) -> Iterator[Frame]:
        while True:
            try:
                frame = self.read()
            except EndOfStreamError:
                return
            yield frame


class Excerpt(Source):
    """The first ``frame_count`` frames of another source, which is closed with the excerpt."""

    def __init__(self, source: Source, frame_count: int) -> None:
        self._source = source
        self._frame_count = frame_count

    @property
    def info(self) -> SourceInfo:
        """The source's info, with the excerpt's length."""
        info = self._source.info
        return replace(
            info, frame_count=min(info.frame_count or self._frame_count, self._frame_count)
        )

    def read(self) -> Frame:
        """Return the next frame; raises like the source, and EndOfStreamError after the last."""
        frame = self._source.read()
        if frame.index >= self._frame_count:
            raise EndOfStreamError(f"the excerpt of {self.info.name} is over")
        return frame

    def close(self) -> None:
        """Close the source."""
        self._source.close()


def check_size(path: Path, size: Size, *, max_side: int, max_megapixels: int) -> None:
    """Refuse a picture or video whose frames would take too much memory.

    Raises:
        InputError: ``size`` is larger, or empty.
    """
    width, height = size
    if width < 1 or height < 1:
        raise InputError(f"{path}: its size of {width}x{height} pixels is no size, replace it")
    if max(size) > max_side or width * height > max_megapixels * 1_000_000:
        raise InputError(
            f"{path}: {width}x{height} pixels are too many, livebg takes up to {max_side} on a "
            f"side and {max_megapixels} megapixels; scale it down"
        )


def check_readable_file(path: Path) -> None:
    """Refuse a path that is not a readable regular file with content.

    Raises:
        InputError: ``path`` is missing, a folder, a device, empty, or may not be read.
    """
    try:
        status = path.stat()
        regular = stat.S_ISREG(status.st_mode)
        if regular:  # opening a pipe would wait for its other end
            path.open("rb").close()
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such file, check the path") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"{path}: the file cannot be read ({reason}), check the path and its permissions"
        ) from error
    if not regular:
        raise InputError(f"{path}: this is a folder or no regular file, name a file")
    if not status.st_size:
        raise InputError(f"{path}: the file is empty (0 bytes), get a whole copy of it")
