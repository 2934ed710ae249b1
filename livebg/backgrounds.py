"""A video that starts again when it is over, for moving backgrounds.

A source that is read ahead of time, in a thread of its own.

What the user wrote after ``--background`` becomes a backdrop.

A background that is opened ahead of the frame that it will lie behind.
"""

from __future__ import annotations

import os.path
import re
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

from livebg.compositing.backgrounds import BlurPlate, GreyPlate, MovingPlate, Plate, StillPlate
from livebg.compositing.compositor import Backdrop
from livebg.config.settings import blur_strength
from livebg.errors import EndOfStreamError, SourceError, UsageError, did_you_mean
from livebg.frame import Frame, Image
from livebg.sources.base import Source, SourceInfo
from livebg.sources.pictures import read_picture
from livebg.sources.video import VideoFile
from livebg.threads import BoundedQueue, Worker

__all__ = ["LoopedVideo", "PreparedBackground", "ReadAhead", "open_backdrop"]


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


_WORDS = ("blur", "white", "gray", "color:", "transparent", "none")
_MOVING = {".avi", ".gif", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm"}
_COLOUR = re.compile(r"#?([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})", re.IGNORECASE)


def open_backdrop(spec: str) -> Backdrop:
    """Open a background.

    Args:
        spec: ``blur``, ``blur:0..100``, ``white``, ``gray``, ``color:#rrggbb``, ``transparent``,
            ``none``, or the path of a picture, video or GIF.

    Raises:
        UsageError: it is none of these.
        InputError: the file cannot be read.

    Example:
        >>> open_backdrop("transparent")
        'transparent'
    """
    strength = blur_strength(spec)
    if strength is not None:
        return BlurPlate(strength)
    word, _, value = spec.partition(":")
    match word.lower():
        case "transparent" if not value:
            return "transparent"
        case "none" if not value:
            return "none"
        case "white" if not value:
            return StillPlate.of_colour(255, 255, 255)
        case "gray" | "grey" if not value:
            return GreyPlate()
        case "color" | "colour":
            return _colour(spec, value)
    return _file(spec)


def _colour(spec: str, value: str) -> StillPlate:
    channels = _COLOUR.fullmatch(value)
    if channels is None:
        raise UsageError(
            f"background {spec!r}: a colour is written as six hexadecimal digits, "
            "for example color:#00ff00"
        )
    red, green, blue = (int(digits, 16) for digits in channels.groups())
    return StillPlate.of_colour(blue, green, red)


def _file(spec: str) -> Backdrop:
    path = Path(os.path.expanduser(spec))
    if not os.path.exists(path):
        raise UsageError(
            f"background {spec!r} is neither a file nor one of {', '.join(_WORDS)}"
            f"{did_you_mean(spec, _WORDS)}"
        )
    if path.suffix.lower() not in _MOVING:
        return StillPlate(read_picture(path))
    video = LoopedVideo(partial(ReadAhead, partial(VideoFile, path)))
    return MovingPlate(video.picture_at, video.close)


class PreparedBackground:
    """Holds at most one opened background. ``prepare`` may be called by another thread.

    Args:
        open_backdrop: opens a background; see ``livebg.backgrounds``.
    """

    def __init__(self, open_backdrop: Callable[[str], Backdrop]) -> None:
        self._open = open_backdrop
        self._held: tuple[str, Backdrop] | None = None
        self._closed = False

    def prepare(self, spec: str) -> None:
        """Open a background, so that ``take`` will take no time.

        Raises:
            UsageError: there is no such background.
            InputError: it cannot be read.
        """
        unused, self._held = self._held, (spec, self._open(spec))
        _close(unused)
        if self._closed:
            self.close()

    def take(self, spec: str) -> Backdrop:
        """Return a background that is the caller's to close: the prepared one, or another.

        Raises:
            UsageError: there is no such background.
            InputError: it cannot be read.
        """
        held, self._held = self._held, None
        if held is not None and held[0] == spec:
            return held[1]
        _close(held)
        return self._open(spec)

    def close(self) -> None:
        """Release what nobody took. Idempotent."""
        self._closed = True
        held, self._held = self._held, None
        _close(held)


def _close(held: tuple[str, Backdrop] | None) -> None:
    if held is not None and isinstance(held[1], Plate):
        held[1].close()
