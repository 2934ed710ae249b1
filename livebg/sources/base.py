"""The interface of every source of frames.

How large a frame or picture may be: larger ones are mistakes or would exhaust the memory.

Whether a file that the user named can be read at all.

The first frames of another source.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from livebg.closable import Closable
from livebg.errors import EndOfStreamError, InputError
from livebg.frame import Frame, Size
from livebg.platform.camera_modes import CameraMode

__all__ = [
    "FRAME_LIMIT",
    "PICTURE_LIMIT",
    "Excerpt",
    "SizeLimit",
    "Source",
    "SourceInfo",
    "check_readable_file",
]


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What a source says of itself once it is open.

    Attributes:
        name: for messages and window titles.
        size: ``(width, height)`` of its frames, in pixels, after rotation.
        frame_rate: nominal frames per second; None where the source does not know.
        frame_count: number of frames, where it is known beforehand.
        live: True for a camera: frames come at their own time and are lost if not read.
        asked: what a camera was asked for, where it was asked for anything.
        granted: what a camera delivers.
    """

    name: str
    size: Size
    frame_rate: Fraction | None
    frame_count: int | None
    live: bool
    asked: CameraMode | None = None
    granted: CameraMode | None = None


class Source(Closable):
    """Delivers frames one after the other; opened by its constructor, closed once.

    One thread owns a source: it opens, reads and closes it. ``Frame.index`` starts at 0 and
    grows; ``Frame.captured_ns`` never goes back.
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
            SourceError: the source failed (camera gone, data corrupt).
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


@dataclass(frozen=True, slots=True)
class SizeLimit:
    """The largest size that is taken.

    Attributes:
        side: pixels on a side.
        megapixels: millions of pixels in all.
    """

    side: int
    megapixels: int

    def check(self, size: Size, path: Path) -> None:
        """Refuse a picture or video that is too large.

        Args:
            size: ``(width, height)`` in pixels.
            path: for the message.

        Raises:
            InputError: ``size`` is beyond the limit, or empty.
        """
        width, height = size
        if width < 1 or height < 1:
            raise InputError(f"{path}: its size of {width}x{height} pixels is no size, replace it")
        if max(size) > self.side or width * height > self.megapixels * 1_000_000:
            raise InputError(
                f"{path}: {width}x{height} pixels are too many, livebg takes up to {self.side} on "
                f"a side and {self.megapixels} megapixels; scale it down"
            )


FRAME_LIMIT = SizeLimit(side=8192, megapixels=40)
"""For videos: 8K fits."""

PICTURE_LIMIT = SizeLimit(side=16384, megapixels=64)
"""For pictures: those of phones and panoramas fit."""


def check_readable_file(path: Path) -> None:
    """Refuse what is not a file with something in it that may be read.

    Raises:
        InputError: ``path`` is missing, a folder, a device, empty, or may not be read.
    """
    try:
        if not path.exists():
            raise InputError(f"{path}: there is no such file, check the path")
        if path.is_dir():
            raise InputError(f"{path}: this is a folder, name a file")
        if not path.is_file():
            raise InputError(f"{path}: this is no regular file, name one")
        with path.open("rb") as file:
            if not file.read(1):
                raise InputError(f"{path}: the file is empty (0 bytes), get a whole copy of it")
    except InputError:
        raise
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"{path}: the file cannot be read ({reason}), check the path and its permissions"
        ) from error


class Excerpt(Source):
    """Delivers the frames of another source up to an index, and then ends.

    Args:
        source: what is read; closed with the excerpt.
        frame_count: index of the first frame that is left out.
    """

    def __init__(self, source: Source, frame_count: int) -> None:
        self._source = source
        self._frame_count = frame_count
        self._over = False
        known = source.info.frame_count
        shorter = frame_count if known is None else min(known, frame_count)
        self._info = replace(source.info, frame_count=shorter)

    @property
    def info(self) -> SourceInfo:
        """What the source says of itself, with the excerpt's length."""
        return self._info

    def read(self) -> Frame:
        """Return the next frame.

        Raises:
            EndOfStreamError: the excerpt is over.
            SourceError: the source failed.
        """
        if not self._over:
            frame = self._source.read()
            if frame.index < self._frame_count:
                return frame
            self._over = True
        raise EndOfStreamError(f"the excerpt of {self._info.name} is over")

    def close(self) -> None:
        """Close the source."""
        self._source.close()
