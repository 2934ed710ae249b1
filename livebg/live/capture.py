"""Capture: the thread that reads the source, and finds it again when it is lost."""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from livebg.clock import NS_PER_S, Clock
from livebg.errors import EndOfStreamError, LivebgError, SourceError, as_livebg_error
from livebg.frame import Frame
from livebg.live.privacy import PrivacyGuard
from livebg.live.statistics import Statistics
from livebg.sources.base import Source
from livebg.threads import Backoff, Mailbox

__all__ = ["Capture", "Captured", "FrameRateMonitor", "GapDetector", "OnDemand", "slept_ns"]

_log = logging.getLogger(__name__)

_GAP_NS = NS_PER_S
"""Longest interval of a working camera; after a longer one it was silent, or the machine slept."""

_RATE_WINDOW_NS = 4 * NS_PER_S
_ENOUGH = 0.8
"""Share of the promised frames below which a user will see the difference."""

_LINGER_S = 2.0
"""Seconds that the camera outlasts its last reader: apps reopen a camera while they set it up."""

_LOST = "The camera is lost: reconnecting"
_CHANGING = "Changing the camera"
_WAITING = "Waiting for an app to open the camera"
_WAKING = "One moment: the camera is starting"

_POLL_S = 0.05
_IDLE_POLL_S = 0.1


def slept_ns() -> int:
    """Return for how long this machine has slept since its start, in nanoseconds.

    Monotonic time stands still meanwhile. Where the system does not tell, the answer is 0.
    """
    if sys.platform != "linux":
        return 0
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.monotonic_ns()


class GapDetector:
    """Finds frames after a gap: the mattes of earlier frames say nothing of them.

    A gap is a second without a frame (a stopped program, a silent camera) or a sleep of the
    machine, which no time stamp of a frame shows.
    """

    def __init__(self, slept_ns: Callable[[], int] = slept_ns) -> None:
        self._slept_ns = slept_ns
        self._last: tuple[int, int] | None = None

    def is_after_gap(self, captured_ns: int) -> bool:
        """Return whether a gap lies between the last frame and one captured at ``captured_ns``."""
        now = (captured_ns, self._slept_ns())
        before, self._last = self._last, now
        if before is None:
            return False
        return any(new - old > _GAP_NS for new, old in zip(now, before, strict=True))


class FrameRateMonitor:
    """Counts frames over some seconds, and reports once that they are too few.

    Args:
        promised: frames per second that the camera says it delivers; None where it does not say.
    """

    def __init__(self, promised: float | None) -> None:
        self._promised = promised
        self._first: tuple[int, int] | None = None
        self._last_ns = 0

    @classmethod
    def of(cls, source: Source) -> FrameRateMonitor:
        """Return a monitor of the rate that a source granted, where it was asked for one.

        The rate that a stream from the network states is often wrong.
        """
        info = source.info
        known = info.asked is not None and info.asked.rates and info.frame_rate
        return cls(float(known) if known else None)

    def frame(self, index: int, captured_ns: int) -> float | None:
        """Count a frame; return the rate, in frames per second, once when it is too low.

        Args:
            index: of the frame; frames that were lost on the way to us were delivered.
            captured_ns: when it was captured.
        """
        if self._promised is None:
            return None
        if self._first is None or captured_ns - self._last_ns > _GAP_NS:
            self._first = (index, captured_ns)
        self._last_ns = captured_ns
        first_index, first_ns = self._first
        if captured_ns - first_ns < _RATE_WINDOW_NS:
            return None
        rate = (index - first_index) * NS_PER_S / (captured_ns - first_ns)
        self._first = (index, captured_ns)
        if rate >= _ENOUGH * self._promised:
            return None
        self._promised = None
        return rate


class OnDemand:
    """Tells whether the camera is needed, from what the sinks say of their readers.

    Sinks that cannot tell (a window, a recording) have no say, unless none can: then the camera is
    always needed.
    """

    def __init__(self, readers: Callable[[], Iterable[bool | None]], clock: Clock) -> None:
        self._readers = readers
        self._clock = clock
        self._seen_ns: int | None = None

    def is_needed(self) -> bool:
        """Return whether an app reads now, or did a moment ago; called by one thread."""
        now_ns = self._clock.now_ns()
        known = [answer for answer in self._readers() if answer is not None]
        if any(known) or not known:
            self._seen_ns = now_ns
        return self._seen_ns is not None and now_ns - self._seen_ns < _LINGER_S * NS_PER_S


@dataclass(frozen=True, slots=True)
class Captured:
    """A frame, and how many gaps there were before it: the source was opened again, or silent."""

    frame: Frame
    gaps: int


class Capture:
    """Owns the source: reads it into a mailbox, and opens it again when it fails.

    A source that fails is closed and opened again, with waits of 0.5 to 5 s, until it is back or
    the session stops; meanwhile the guard shows the card. The end of a video ends the job. While no
    frames are needed, the source rests: it is closed, and opened again when they are.

    Args:
        source: the open source; owned from now on.
        reopen: opens it again.
        ready: set once there is a pipeline; nothing is read before, so that a video starts with
            its first frame.
        frames: where frames go; closed at the end.
        report: told of failures of the source, and of opening it again; of each kind once.
        is_needed: tells whether frames are needed; called before each one.
        notice: told in a sentence when a lost source is back, when it is slower than it says, when
            it is closed to rest, and when it is opened again.
    """

    def __init__(
        self,
        source: Source,
        *,
        reopen: Callable[[], Source],
        ready: threading.Event,
        frames: Mailbox[Captured],
        guard: PrivacyGuard,
        statistics: Statistics,
        clock: Clock,
        report: Callable[[LivebgError], None],
        is_needed: Callable[[], bool] = lambda: True,
        notice: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        self.resting = False
        """True while the source is closed because no frames are needed."""
        self._source: Source | None = source
        self._rate = FrameRateMonitor.of(source)
        self._reopen = reopen
        self._ready = ready
        self._frames = frames
        self._guard = guard
        self._statistics = statistics
        self._clock = clock
        self._report = report
        self._is_needed = is_needed
        self._notice = notice
        self._waking = False
        self._reported = ""
        self._backoff = Backoff(clock)
        self._reopen_asked = threading.Event()
        self._gap_detector = GapDetector()
        self._gaps = 0
        self._next_index = 0
        self._first_index = 0

    def reopen(self) -> None:
        """Ask for the source to be opened again before its next frame; returns at once."""
        self._reopen_asked.set()

    def run(self, stop: threading.Event) -> None:
        """Deliver frames until ``stop`` is set or the source ends."""
        try:
            while not stop.is_set():
                if not self._is_needed():
                    self._rest(stop)
                    continue
                if not self._clock.wait(self._ready, _POLL_S):
                    continue
                if self.resting:
                    self._wake()
                if self._reopen_asked.is_set():
                    self._change_source()
                if self._source is None:
                    self._reconnect(stop)
                elif not self._deliver(self._source):
                    return
        finally:
            self.close()
            self._frames.close()

    def close(self) -> None:
        """Release the source. Idempotent."""
        source, self._source = self._source, None
        if source is not None:
            with contextlib.suppress(SourceError):
                source.close()

    def _deliver(self, source: Source) -> bool:
        """Pass one frame on; return False at the end of the source."""
        begin_ns = self._clock.now_ns()
        try:
            frame = source.read()
        except EndOfStreamError:
            return False
        except Exception as error:
            self._lose(as_livebg_error(error, SourceError, "the camera failed"))
            return True
        self._statistics.record_stage("capture", begin_ns, self._clock.now_ns())
        if self._gap_detector.is_after_gap(frame.captured_ns):
            self._gaps += 1
        index = self._first_index + frame.index
        self._statistics.count("in")
        self._statistics.count("missed", index - self._next_index)
        self._next_index = index + 1
        self._backoff.reset()
        self._guard.reveal("camera")
        if self._reported:
            self._reported = ""
            self._notice(f"{source.info.name} is back")
        slow = self._rate.frame(frame.index, frame.captured_ns)
        if slow is not None:
            self._notice(
                f"{source.info.name} delivers {slow:.3g} frames/s only; many cameras slow down in "
                "the dark, so more light may help"
            )
        self._frames.put(Captured(replace(frame, index=index), self._gaps))
        return True

    def _rest(self, stop: threading.Event) -> None:
        if not self.resting:
            self.resting = True
            self._guard.conceal("camera", _WAITING)
            self.close()
            self._notice("no app reads the virtual camera: the camera is off until one does")
        self._clock.wait(stop, _IDLE_POLL_S)

    def _wake(self) -> None:
        self.resting = False
        self._waking = True
        self._guard.conceal("camera", _WAKING)
        self._backoff.reset()
        self._statistics.count_wake()
        self._notice("an app reads the virtual camera: the camera is on")

    def _change_source(self) -> None:
        self._reopen_asked.clear()
        self._guard.conceal("camera", _CHANGING)
        self.close()
        self._backoff.reset()

    def _lose(self, error: LivebgError) -> None:
        self._guard.conceal("camera", _LOST)
        self.close()
        wait_s = self._backoff.fail()
        _log.debug("the source failed; it is opened again in %.1f s", wait_s)
        self._report_once(error)

    def _reconnect(self, stop: threading.Event) -> None:
        if not self._backoff.ready:
            self._clock.wait(stop, _POLL_S)
            return
        try:
            self._source = self._reopen()
        except Exception as error:
            wait_s = self._backoff.fail()
            _log.debug("%s Next try in %.1f s.", error, wait_s)
            self._waking = False
            self._guard.conceal("camera", _LOST)
            self._report_once(as_livebg_error(error, SourceError, "the camera failed"))
            return
        self._statistics.set_source(self._source.info)
        self._rate = FrameRateMonitor.of(self._source)
        self._gaps += 1
        self._first_index = self._next_index
        if self._waking:
            self._waking = False
            return
        self._statistics.count("reconnects")

    def _report_once(self, error: LivebgError) -> None:
        if str(error) != self._reported:
            self._reported = str(error)
            self._report(error)
