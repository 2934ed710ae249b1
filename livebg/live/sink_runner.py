"""The sink runner: feeds one sink, and decides what happens when it fails."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable

from livebg.clock import NS_PER_S, Clock
from livebg.errors import LivebgError, SinkError
from livebg.frame import Composite
from livebg.live.privacy import PrivacyGuard
from livebg.live.statistics import Statistics
from livebg.sinks.base import Sink
from livebg.threads import Backoff, Mailbox

__all__ = ["SinkRunner"]

_log = logging.getLogger(__name__)

_STOPPED = "livebg has stopped"
_CARD_NS = NS_PER_S // 10
"""Least time between two cards: nothing moves in them."""
_IDLE_CARD_NS = NS_PER_S
"""The same for a sink without readers; an app that opens it finds the last card."""
_REPEAT_NS = NS_PER_S
"""Programs give up a camera that sends nothing for some seconds."""
_IDLE_POLL_S = 0.1
"""Seconds between two looks for readers of a sink that has none."""


class SinkRunner:
    """Feeds one sink with what the guard lets through.

    ``put`` may be called from any thread; everything else belongs to the thread that owns the
    sink. Queue: one composite, the newest wins.

    Args:
        name: for messages and statistics; unique in a session. None takes the sink's own.
        sink: an open sink, or opens one; called again after a failure of one that is ``reopened``.
        report: told when the sink fails and will be opened again.

    Raises:
        LivebgError: the sink cannot be opened.
    """

    def __init__(
        self,
        name: str | None,
        sink: Sink | Callable[[], Sink],
        guard: PrivacyGuard,
        statistics: Statistics,
        clock: Clock,
        report: Callable[[LivebgError], None],
    ) -> None:
        self.error: LivebgError | None = None
        """What ended the sink for good, or None."""
        self.shown: Composite | None = None
        """What was sent last."""
        self._guard = guard
        self._statistics = statistics
        self._clock = clock
        self._report = report
        self._mailbox: Mailbox[Composite] = Mailbox()
        self._open = None if isinstance(sink, Sink) else sink
        if not isinstance(sink, Sink):
            sink = sink()
        self.sink: Sink | None = sink
        """The open sink, or None while it is broken or closed."""
        self.has_readers = sink.has_readers
        """What the sink said last of its readers; a broken one has none."""
        self.name = name or sink.name
        self.wants_alpha = sink.wants_alpha
        self.in_main_thread = sink.in_main_thread
        self.close_within_s = sink.close_within_s
        self._card_policy = sink.card_policy
        self._reopened = sink.reopened
        self._backoff = Backoff(clock)
        self._shown_ns: int | None = None
        self._card_ns: int | None = None
        self._sent_ns = 0

    def put(self, composite: Composite) -> None:
        """Leave the newest composite; never blocks."""
        self._mailbox.put(composite)

    def end(self) -> None:
        """Announce that no further composite will come; returns at once."""
        self._mailbox.close()

    @property
    def dropped(self) -> int:
        """Composites that the sink was too slow to take."""
        return self._mailbox.dropped

    def run(self, stop: threading.Event, period_s: float) -> None:
        """Feed the sink until ``stop`` is set or ``end`` was called; then close it."""
        while not stop.is_set():
            idle = self.has_readers is False
            if not self.step(max(period_s, _IDLE_POLL_S) if idle else period_s):
                break
        self.close()

    def step(self, timeout_s: float) -> bool:
        """Deliver at most one picture; wait up to ``timeout_s`` seconds for it.

        Returns:
            False when there is nothing left to do: the session ended, or the sink has for good.
        """
        if self.error is not None:
            return False
        composite = self._mailbox.get(timeout_s)
        if self.sink is not None:
            self.has_readers = self.sink.has_readers
        if composite is not None:
            shown = self._guard.filter(composite)
        elif self._mailbox.finished:
            return False
        elif self._is_fresh():
            self._repeat()
            return True
        elif self._is_card_recent():
            return True
        else:
            shown = self._guard.card()
        if self._accepts(shown):
            sink = self.sink or self._reopen()
            if sink is not None:
                self._send(sink, shown)
        return True

    def close(self) -> None:
        """Leave the card behind where a consumer keeps the last picture; release the sink.

        A recording that got no picture is aborted and leaves no file.
        """
        if self.shown is None and self._card_policy != "always":
            self.abort()
        sink, self.sink = self.sink, None
        if sink is None:
            return
        if self._card_policy == "always":
            with contextlib.suppress(LivebgError):
                sink.send(self._guard.card(_STOPPED))
        try:
            sink.close()
        except LivebgError as error:
            self.error = error

    def abort(self) -> None:
        """Release the sink and leave nothing half-written behind."""
        sink, self.sink = self.sink, None
        if sink is not None:
            sink.abort()

    def _is_fresh(self) -> bool:
        return (
            self._shown_ns is not None
            and not self._guard.concealed
            and not self._guard.expired(self._shown_ns)
        )

    def _is_card_recent(self) -> bool:
        pause_ns = _IDLE_CARD_NS if self.has_readers is False else _CARD_NS
        return self._card_ns is not None and self._clock.now_ns() - self._card_ns < pause_ns

    def _accepts(self, composite: Composite) -> bool:
        if not composite.private or self._card_policy == "always":
            return True
        return self._card_policy == "between" and self._shown_ns is not None

    def _repeat(self) -> None:
        """Send the last picture again where the next one is long in coming."""
        waited_ns = self._clock.now_ns() - self._sent_ns
        if self._card_policy == "always" and waited_ns >= _REPEAT_NS and self.sink and self.shown:
            self._deliver(self.sink, self.shown)

    def _send(self, sink: Sink, composite: Composite) -> None:
        begin_ns = self._clock.now_ns()
        if not self._deliver(sink, composite):
            return
        now_ns = self._clock.now_ns()
        self.shown = composite
        self._card_ns = now_ns if composite.private else None
        if not composite.private:
            self._shown_ns = composite.captured_ns
        self._statistics.count_sent(self.name, composite, begin_ns=begin_ns, now_ns=now_ns)

    def _deliver(self, sink: Sink, composite: Composite) -> bool:
        """Hand ``composite`` to ``sink``; return whether the sink took it."""
        self._sent_ns = self._clock.now_ns()
        try:
            sink.send(composite)
        except LivebgError as error:
            self._fail(sink, error)
            return False
        except Exception as error:
            # A defect of one sink must not end the thread silently, nor stop the other sinks.
            _log.debug("%s failed unexpectedly", self.name, exc_info=True)
            self._fail(sink, SinkError(f"{self.name} failed: {error!r}"))
            return False
        return True

    def _fail(self, sink: Sink, error: LivebgError) -> None:
        self.sink = None
        if self.has_readers:
            self.has_readers = False
        with contextlib.suppress(LivebgError):
            sink.close()
        if self._open is None or not self._reopened:
            self.error = error
            return
        self._backoff.fail()
        self._report(error)

    def _reopen(self) -> Sink | None:
        if self._open is None or not self._backoff.ready:
            return None
        try:
            self.sink = self._open()
        except LivebgError as error:
            wait_s = self._backoff.fail()
            _log.debug("%s: %s; next try in %.1f s", self.name, error, wait_s)
            return None
        self._backoff.reset()
        _log.info("%s works again", self.name)
        return self.sink
