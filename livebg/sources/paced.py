"""A video as a pretend camera: its frames come when they are due, and late ones are lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

from livebg.clock import NS_PER_S, Clock
from livebg.errors import EndOfStreamError, InputError, SourceError
from livebg.frame import Frame
from livebg.sources.base import Source, SourceInfo

__all__ = ["PacedVideo"]

_FALLBACK_PERIOD_NS = NS_PER_S // 30
"""Time between two frames of a source that does not know its rate."""

_MAX_LATE_NS = NS_PER_S
"""When the reader is later than this, the clock is set back."""


class PacedVideo(Source):
    """Delivers the frames of a video at their own presentation times, like a camera.

    `read` waits until a frame is due. A late reader gets the newest frame that is due, and
    ``Frame.index`` counts the frames that it missed. A reader that is more than a second late (a
    suspended laptop, a machine too slow to decode) continues where it was with the clock set back,
    instead of skipping ever more frames.

    ``Frame.captured_ns`` is when the frame was due, by ``clock``.

    Args:
        open_source: opens the video; called again for every round.
        clock: paces the video; time starts at the first `read`.
        loop: start again after the last frame.

    Raises:
        InputError: `open_source` cannot open the video.
    """

    def __init__(
        self, open_source: Callable[[], Source], clock: Clock, *, loop: bool = True
    ) -> None:
        self._open_source = open_source
        self._clock = clock
        self._loop = loop
        self._closed = threading.Event()
        self._source = open_source()
        self._info = replace(
            self._source.info,
            live=True,
            frame_count=None if loop else self._source.info.frame_count,
        )
        rate = self._info.frame_rate
        self._period_ns = round(NS_PER_S / rate) if rate else _FALLBACK_PERIOD_NS
        self._frames = self._all_rounds()
        self._pending: Frame | None = None
        self._start_ns: int | None = None

    @property
    def info(self) -> SourceInfo:
        """The video's info, as a live source."""
        return self._info

    def read(self) -> Frame:
        """Return the next frame when it is due, or the newest one if the reader is late.

        Raises:
            EndOfStreamError: the video is over and does not loop.
            SourceError: the video is damaged, or gone when it starts again, or this source was
                closed (also while `read` waits).
        """
        if self._closed.is_set():
            raise SourceError(f"{self._info.name} is closed; open it again to read")
        frame, self._pending = self._pending or next(self._frames, None), None
        if frame is None:
            raise EndOfStreamError(f"{self._info.name} is over")
        if self._start_ns is None:
            self._start_ns = self._clock.now_ns()
        frame = self._newest_due(frame, self._start_ns)
        due_ns = self._start_ns + frame.captured_ns
        wait_ns = due_ns - self._clock.now_ns()
        if wait_ns > 0 and self._clock.wait(self._closed, wait_ns / NS_PER_S):
            raise SourceError(f"{self._info.name} was closed while it waited for a frame")
        return replace(frame, captured_ns=due_ns)

    def close(self) -> None:
        """Close the video, and wake a `read` that waits."""
        if not self._closed.is_set():
            self._closed.set()
            self._source.close()

    def _newest_due(self, frame: Frame, start_ns: int) -> Frame:
        """Return the newest frame that is due, ``frame`` or a later one.

        The next one is decoded only when ``frame`` is so late that it may be due as well.
        """
        while True:
            late_ns = self._clock.now_ns() - start_ns - frame.captured_ns
            if late_ns > _MAX_LATE_NS:
                self._start_ns = start_ns + late_ns
            if not self._period_ns // 2 <= late_ns <= _MAX_LATE_NS:
                return frame
            following = next(self._frames, None)
            if following is None or start_ns + following.captured_ns > self._clock.now_ns():
                self._pending = following
                return frame
            frame = following

    def _all_rounds(self) -> Iterator[Frame]:
        """Yield the frames of every round, index and time counted from the first round's start."""
        first_index = start_ns = 0
        while True:
            last: Frame | None = None
            for frame in self._source:
                last = replace(
                    frame,
                    index=first_index + frame.index,
                    captured_ns=start_ns + frame.captured_ns,
                )
                yield last
            if not self._loop:
                return
            if last is None:
                raise SourceError(f"{self._info.name} has no frames; choose another video")
            first_index, start_ns = last.index + 1, last.captured_ns + self._period_ns
            self._source.close()
            try:
                self._source = self._open_source()
            except InputError as error:
                raise SourceError(str(error)) from error
