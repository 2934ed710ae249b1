"""The plates of what the user chose as background; videos are read ahead and looped."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

from livebg.compositing.backgrounds import (
    BlurPlate,
    GreyPlate,
    MovingPlate,
    Plate,
    StillPlate,
    TransparentPlate,
    UnfilteredPlate,
)
from livebg.config.background import (
    Background,
    Blur,
    Colour,
    Grey,
    Picture,
    Transparent,
    Unfiltered,
    Video,
)
from livebg.errors import EndOfStreamError, SourceError
from livebg.frame import Frame, Image
from livebg.sources.base import Source, SourceInfo
from livebg.sources.pictures import read_picture
from livebg.sources.video import VideoFile
from livebg.threads import BoundedQueue, Worker

__all__ = ["LoopedVideo", "ReadAhead", "open_background"]


class LoopedVideo:
    """Gives the picture of an endless loop at any time, at the video's own rate.

    The last picture is shown for as long as the one before it; a single picture stays.

    Args:
        open_source: opens the video from its beginning; called again for every round.

    Raises:
        InputError: the video cannot be read.
    """

    def __init__(self, open_source: Callable[[], Source]) -> None:
        self._open = open_source
        self._round_began_ns = 0
        self._frame_ns = 0
        self._source = open_source()
        try:
            self._shown: Frame = self._source.read()
            self._next: Frame | None = self._following()
        except BaseException:
            self._source.close()
            raise
        self._is_still = self._next is None

    def picture_at(self, time_ns: int) -> Image:
        """Return the picture at ``time_ns`` after the beginning; times must not go back.

        Returns:
            ``(H, W, 3)`` uint8 BGR; the same array while the picture is the same.

        Raises:
            DamagedFileError: the video breaks off.
        """
        while not self._is_still and self._due_ns() <= time_ns:
            if self._next is None:
                self._start_round(time_ns)
            else:
                self._frame_ns = max(1, self._next.captured_ns - self._shown.captured_ns)
                self._shown, self._next = self._next, self._following()
        return self._shown.image

    def close(self) -> None:
        """Close the video. Idempotent."""
        self._source.close()

    def _due_ns(self) -> int:
        """Return when the picture after the shown one is due."""
        if self._next is not None:
            return self._round_began_ns + self._next.captured_ns
        return self._round_began_ns + self._shown.captured_ns + self._frame_ns

    def _start_round(self, time_ns: int) -> None:
        """Begin the round that ``time_ns`` lies in; those that nobody saw are not decoded."""
        round_ns = self._due_ns() - self._round_began_ns
        self._round_began_ns += (time_ns - self._round_began_ns) // round_ns * round_ns
        self._source.close()
        self._source = self._open()
        self._shown = self._source.read()
        self._next = self._following()

    def _following(self) -> Frame | None:
        try:
            return self._source.read()
        except EndOfStreamError:
            return None


_JOIN_S = 0.5


class ReadAhead(Source):
    """Decodes a few frames before they are asked for, so that ``read`` seldom waits.

    The frames and their order are those of the source; none is dropped. The thread
    ``livebg-background`` reads and closes it.

    Args:
        open_source: opens the source.
        ahead: frames that may wait.

    Raises:
        InputError: the source cannot be opened.
    """

    def __init__(self, open_source: Callable[[], Source], *, ahead: int = 4) -> None:
        self._source = open_source()
        self._closed = False
        self._frames: BoundedQueue[Frame] = BoundedQueue(ahead)
        self._worker = Worker("background", self._read_all, on_end=self._frames.finish)
        self._worker.start()

    @property
    def info(self) -> SourceInfo:
        """What the source delivers."""
        return self._source.info

    def read(self) -> Frame:
        """Return the next frame; see ``Source.read``."""
        if self._closed:
            raise SourceError(f"{self.info.name} was closed; open it again")
        frame = self._frames.get()
        if frame is not None:
            return frame
        if self._worker.error is not None:
            raise self._worker.error
        raise EndOfStreamError(f"{self.info.name} has no further frame")

    def close(self) -> None:
        """Stop reading and close the source. Idempotent."""
        self._closed = True
        self._frames.cancel()
        self._worker.join(_JOIN_S)

    def _read_all(self, stop: threading.Event) -> None:
        with self._source as source:
            for frame in source:
                if not self._frames.put(frame):
                    return


def open_background(background: Background) -> Plate:
    """Open a background; the caller closes its plate.

    Raises:
        InputError: its file cannot be read.

    Example:
        >>> open_background(Grey())  # doctest: +ELLIPSIS
        <livebg.compositing.backgrounds.GreyPlate object at ...>
    """
    match background:
        case Blur(strength):
            return BlurPlate(strength)
        case Colour(blue, green, red):
            return StillPlate.of_colour(blue, green, red)
        case Grey():
            return GreyPlate()
        case Picture(path):
            return StillPlate(read_picture(path))
        case Video(path):
            video = LoopedVideo(partial(ReadAhead, partial(VideoFile, path)))
            return MovingPlate(video.picture_at, video.close)
        case Transparent():
            return TransparentPlate()
        case Unfiltered():
            return UnfilteredPlate()
    plate = background.open()
    if not isinstance(plate, Plate):
        raise TypeError(f"{type(background).__name__}.open returned {plate!r}, which is no Plate")
    return plate
