"""The opening of backgrounds, and looped videos that are decoded ahead of time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

from livebg.compositing.backgrounds import (
    BlurPlate,
    GreyPlate,
    Plate,
    StillPlate,
    TransparentPlate,
    UnfilteredPlate,
    cover,
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
from livebg.frame import FloatImage, Frame, FramePyramid, Image
from livebg.sources.base import Source, SourceInfo
from livebg.sources.pictures import read_picture
from livebg.sources.video import VideoFile
from livebg.threads import BoundedQueue, Worker

__all__ = ["ReadAhead", "VideoPlate", "check_background", "open_background"]

_JOIN_S = 0.5


class VideoPlate(Plate):
    """An endlessly looped video, at its own rate from the first frame on that it lies behind.

    The last picture is shown for as long as the one before it; a single picture stays.

    Args:
        open_source: opens the video from its beginning; called again for every round.

    Raises:
        InputError: the video cannot be read.
    """

    def __init__(self, open_source: Callable[[], Source]) -> None:
        self._open = open_source
        self._began_ns: int | None = None
        self._round_began_ns = 0
        self._frame_ns = 0
        self._fitted: tuple[Image, Image] | None = None
        self._source = open_source()
        try:
            self._shown: Frame = self._source.read()
            self._next: Frame | None = self._read_next()
        except BaseException:
            self._source.close()
            raise
        self._is_still = self._next is None

    def render(self, pyramid: FramePyramid, alpha: FloatImage) -> Image:
        """Return the video's picture for the frame's time; see ``Plate.render``."""
        frame = pyramid.frame
        if self._began_ns is None:
            self._began_ns = frame.captured_ns
        picture = self.picture_at(max(0, frame.captured_ns - self._began_ns))
        fitted = self._fitted
        if fitted is None or fitted[0] is not picture or fitted[1].shape != frame.image.shape:
            fitted = self._fitted = picture, cover(picture, frame.size)
        return fitted[1]

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
                self._shown, self._next = self._next, self._read_next()
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
        """Begin the round that ``time_ns`` lies in; rounds before it are not decoded."""
        round_ns = self._due_ns() - self._round_began_ns
        self._round_began_ns += (time_ns - self._round_began_ns) // round_ns * round_ns
        self._source.close()
        self._source = self._open()
        self._shown, self._next = self._source.read(), self._read_next()

    def _read_next(self) -> Frame | None:
        try:
            return self._source.read()
        except EndOfStreamError:
            return None


class ReadAhead(Source):
    """A source that is decoded a few frames ahead, so that ``read`` seldom waits.

    The thread ``livebg-background`` reads and closes the source; no frame is dropped.

    Args:
        open_source: opens the source.
        ahead: the most frames that wait.

    Raises:
        InputError: the source cannot be opened.
    """

    def __init__(self, open_source: Callable[[], Source], *, ahead: int = 4) -> None:
        self._source = open_source()
        self._closed = False
        self._frames: BoundedQueue[Frame] = BoundedQueue(ahead)
        self._worker = Worker("background", self._read_all, on_end=self._frames.close)
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


def check_background(background: Background) -> None:
    """Read a picture, or the beginning of a video, before anything else is opened.

    Raises:
        InputError: the file cannot be read.
    """
    if isinstance(background, Picture | Video):
        open_background(background).close()


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
            return VideoPlate(partial(ReadAhead, partial(VideoFile, path)))
        case Transparent():
            return TransparentPlate()
        case Unfiltered():
            return UnfilteredPlate()
    plate = background.open()
    if not isinstance(plate, Plate):
        raise TypeError(f"{type(background).__name__}.open returned {plate!r}, which is no Plate")
    return plate
