"""The capture thread's job: read the source, and find it again when it is lost."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from livebg.clock import Clock
from livebg.config.schema import Settings
from livebg.errors import EndOfStreamError, LivebgError, SourceError
from livebg.runtime.continuity import Continuity
from livebg.runtime.delivery_rate import DeliveryRate
from livebg.runtime.guard import PrivacyGuard
from livebg.runtime.mailbox import Mailbox
from livebg.runtime.recovery import Backoff
from livebg.runtime.stats import Statistics
from livebg.source.base import Source
from livebg.types import Frame

__all__ = ["Capture", "Captured", "same_camera"]

_log = logging.getLogger(__name__)

_LOST = "The camera is lost: reconnecting"
_CHANGING = "Changing the camera"
_WAITING = "Waiting for an app to open the camera"
_WAKING = "One moment: the camera is starting"
_PATIENCE_S = 0.05
_RESTING_PATIENCE_S = 0.1


@dataclass(frozen=True, slots=True)
class Captured:
    """A frame, and how many breaks there were before it: the source was opened again, or silent."""

    frame: Frame
    run: int


class Capture:
    """Owns the source: reads it into a mailbox, and opens it again when it fails.

    A source that fails is released and opened again, with waits of 0.5 to 5 s, until it is back or
    the session stops; meanwhile the guard shows the card. One that ends (a video) ends the job.
    ``reopen`` has it opened again at once, as the settings now say. While it is not wanted it
    rests: the source is closed, and opened again at once when it is wanted.

    Args:
        source: the open source; owned from now on.
        reopen: opens it again.
        ready: set once somebody can use frames; nothing is read before, so that a video starts
            with its first frame.
        frames: where frames go; closed at the end.
        guard: told when the camera is lost and found.
        statistics: counts frames and reconnects.
        clock: what times reading and reconnecting.
        report: told of failures of the source, and of opening it again; of each kind once.
        wanted: whether anybody needs frames; asked before each one.
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
        wanted: Callable[[], bool] = lambda: True,
        notice: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        self.resting = False
        """True while the source is closed because nobody needs frames."""
        self._source: Source | None = source
        self._rate = _promised(source)
        self._reopen = reopen
        self._ready = ready
        self._frames = frames
        self._guard = guard
        self._statistics = statistics
        self._clock = clock
        self._report = report
        self._wanted = wanted
        self._notice = notice
        self._waking = False
        self._complaint = ""
        self._backoff = Backoff(clock)
        self._reopen_asked = threading.Event()
        self._continuity = Continuity()
        self._run = 0
        self._next_index = 0
        self._first_index = 0

    def reopen(self) -> None:
        """Ask for the source to be opened again before its next frame; returns at once."""
        self._reopen_asked.set()

    def run(self, stop: threading.Event) -> None:
        """Deliver frames until ``stop`` is set or the source ends."""
        try:
            while not stop.is_set():
                if not self._wanted():
                    self._rest(stop)
                    continue
                if not self._clock.wait(self._ready, _PATIENCE_S):
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
            self._release()
            self._frames.close()

    def _deliver(self, source: Source) -> bool:
        """Pass one frame on; return False at the end of the source."""
        begin_ns = self._clock.now_ns()
        try:
            frame = source.read()
        except EndOfStreamError:
            return False
        except Exception as error:
            self._lose(_as_ours(error))
            return True
        self._statistics.took("capture", begin_ns, self._clock.now_ns())
        if self._continuity.broken(frame.captured_ns):
            self._run += 1
        index = self._first_index + frame.index
        self._statistics.captured(missed=index - self._next_index)
        self._next_index = index + 1
        self._backoff.reset()
        self._guard.reveal("camera")
        if self._complaint:
            self._complaint = ""
            self._notice(f"{source.info.name} is back")
        slow = self._rate.frame(frame.index, frame.captured_ns)
        if slow is not None:
            self._notice(
                f"{source.info.name} delivers {slow:.3g} frames/s only; many cameras slow down in "
                "the dark, so more light may help"
            )
        self._frames.put(Captured(replace(frame, index=index), self._run))
        return True

    def _rest(self, stop: threading.Event) -> None:
        """Close the source if it is open, and wait for a moment."""
        if not self.resting:
            self.resting = True
            self._guard.conceal("camera", _WAITING)
            self._release()
            self._notice("no app reads the virtual camera: the camera is off until one does")
        self._clock.wait(stop, _RESTING_PATIENCE_S)

    def _wake(self) -> None:
        self.resting = False
        self._waking = True
        self._guard.conceal("camera", _WAKING)
        self._backoff.reset()
        self._statistics.woken()
        self._notice("an app reads the virtual camera: the camera is on")

    def _change_source(self) -> None:
        self._reopen_asked.clear()
        self._guard.conceal("camera", _CHANGING)
        self._release()
        self._backoff.reset()

    def _lose(self, error: LivebgError) -> None:
        self._guard.conceal("camera", _LOST)
        self._release()
        wait_s = self._backoff.fail()
        _log.debug("the source failed; it is opened again in %.1f s", wait_s)
        self._complain(error)

    def _reconnect(self, stop: threading.Event) -> None:
        if not self._backoff.ready:
            self._clock.wait(stop, _PATIENCE_S)
            return
        try:
            self._source = self._reopen()
        except Exception as error:
            wait_s = self._backoff.fail()
            _log.debug("%s Next try in %.1f s.", error, wait_s)
            self._waking = False
            self._guard.conceal("camera", _LOST)
            self._complain(_as_ours(error))
            return
        self._statistics.opened(self._source.info)
        self._rate = _promised(self._source)
        self._run += 1
        self._first_index = self._next_index
        if self._waking:
            self._waking = False
            return
        self._statistics.reconnected()

    def _complain(self, error: LivebgError) -> None:
        """Say what is wrong with the source, once until that changes."""
        if str(error) != self._complaint:
            self._complaint = str(error)
            self._report(error)

    def _release(self) -> None:
        source, self._source = self._source, None
        if source is not None:
            with contextlib.suppress(SourceError):
                source.close()


def _as_ours(error: Exception) -> LivebgError:
    """Put an error that a source should not have raised into a sentence for the user."""
    if isinstance(error, LivebgError):
        return error
    _log.debug("the source failed in a way that it should not", exc_info=error)
    return SourceError(f"the camera failed: {error!r}; run with --debug for the whole story")


def _promised(source: Source) -> DeliveryRate:
    """Return what to hold a source against: the rate that it granted, where it was asked for one.

    A stream from the network often states a rate that nobody has looked at.
    """
    info = source.info
    known = info.asked is not None and info.asked.rates and info.frame_rate
    return DeliveryRate(float(known) if known else None)


def same_camera(one: Settings, other: Settings) -> bool:
    """Say whether two settings ask for the same source in the same way."""
    return (one.camera, one.size, one.fps) == (other.camera, other.size, other.fps)
