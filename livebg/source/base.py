"""The interface of every source of frames."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from livebg.closable import Closable
from livebg.errors import EndOfStreamError
from livebg.source.modes import CameraMode
from livebg.types import Frame, Size

__all__ = ["Source", "SourceInfo"]


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
