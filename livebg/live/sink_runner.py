"""One runner a sink: its mailbox, its guard, and what happens when it fails."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from livebg.clock import NS_PER_S, Clock
from livebg.errors import LivebgError, SinkError
from livebg.frame import Composite
from livebg.live.privacy import PrivacyGuard
from livebg.live.statistics import Statistics
from livebg.sinks.base import Sink
from livebg.threads import Backoff, Mailbox

__all__ = ["Cards", "SinkPlan", "SinkRunner"]

_log = logging.getLogger(__name__)

_FAREWELL = "livebg has stopped"
_CARD_NS = NS_PER_S // 10
"""Between two cards for a sink that somebody watches: nothing moves in them."""
_IDLE_CARD_NS = NS_PER_S
"""Between two cards for a sink that nobody watches; an app that opens it finds the last one."""
_REPEAT_NS = NS_PER_S
"""Programs give up a camera that sends nothing for some seconds."""
_IDLE_POLL_S = 0.1
"""How long a sink that nobody watches is left alone before it is asked again."""

Cards = Literal["always", "between", "never"]
"""Which privacy cards a sink gets: ``always`` where somebody watches, also before the first frame
and as the last; ``between`` frames only, for a recording; ``never``, for a set of mattes."""


@dataclass(frozen=True, slots=True)
class SinkPlan:
    """A sink that the session shall feed.

    Attributes:
        name: for messages and statistics; unique in a session.
        open: makes the sink; called again after a failure where ``retry`` is set.
        cards: which privacy cards it gets.
        retry: whether a sink that failed is opened again, with a back-off.
        wants_alpha: whether composites must carry their matte.
        close_within_s: seconds that the session waits for it to finish at shutdown.
    """

    name: str
    open: Callable[[], Sink]
    cards: Cards = "always"
    retry: bool = False
    wants_alpha: bool = False
    close_within_s: float = 0.8


class SinkRunner:
    """Feeds one sink with what the guard lets through.

    ``put`` may be called from any thread; everything else belongs to the thread that owns the
    sink. Queue: one composite, the newest wins.

    Args:
        plan: what to open and how to treat it.
        guard: decides what is shown.
        statistics: counts what was sent.
        clock: for back-off and latency.
        report: told when the sink fails and will be opened again.
    """

    def __init__(
        self,
        plan: SinkPlan,
        guard: PrivacyGuard,
        statistics: Statistics,
        clock: Clock,
        report: Callable[[LivebgError], None],
    ) -> None:
        self.plan = plan
        self.error: LivebgError | None = None
        """What ended the sink for good, or None."""
        self.shown: Composite | None = None
        """What was sent last."""
        self._guard = guard
        self._statistics = statistics
        self._clock = clock
        self._report = report
        self._mailbox: Mailbox[Composite] = Mailbox()
        self._sink: Sink | None = plan.open()
        self._backoff = Backoff(clock)
        self._shown_ns: int | None = None
        self._card_ns: int | None = None
        self._sent_ns = 0
        self._watched = None if self._sink is None else self._sink.has_readers

    def put(self, composite: Composite) -> None:
        """Leave the newest composite; never blocks."""
        self._mailbox.put(composite)

    def end(self) -> None:
        """Say that no further composite will come; returns at once."""
        self._mailbox.close()

    @property
    def dropped(self) -> int:
        """Composites that the sink was too slow to take."""
        return self._mailbox.dropped

    @property
    def sink(self) -> Sink | None:
        """The open sink, or None while it is broken or closed."""
        return self._sink

    @property
    def watched(self) -> bool | None:
        """What the sink said last of its readers; one that is broken has none."""
        return self._watched

    def run(self, stop: threading.Event, period_s: float) -> None:
        """Feed the sink until ``stop`` is set or ``end`` was called; then close it."""
        while not stop.is_set():
            idle = self._watched is False
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
        if self._sink is not None:
            self._watched = self._sink.has_readers
        if composite is None:
            if self._mailbox.finished:
                return False
            if self._is_fresh():
                self._repeat()
                return True
            if self._has_card_enough():
                return True
            shown = self._guard.card()
        else:
            shown = self._guard.screen(composite)
        if self._wants(shown):
            sink = self._sink or self._reopen()
            if sink is not None:
                self._send(sink, shown)
        return True

    def close(self) -> None:
        """Leave the card behind where a consumer keeps the last picture; release the sink.

        A recording that got no picture is aborted: nobody wants an empty file.
        """
        if self.shown is None and self.plan.cards != "always":
            self.abort()
        sink, self._sink = self._sink, None
        if sink is None:
            return
        if self.plan.cards == "always":
            with contextlib.suppress(LivebgError):
                sink.send(self._guard.card(_FAREWELL))
        try:
            sink.close()
        except LivebgError as error:
            self.error = error

    def abort(self) -> None:
        """Release the sink and leave nothing half-written behind."""
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.abort()

    def _is_fresh(self) -> bool:
        return (
            self._shown_ns is not None
            and not self._guard.concealed
            and not self._guard.expired(self._shown_ns)
        )

    def _has_card_enough(self) -> bool:
        """Whether the card that would be sent was sent a moment ago, see ``_IDLE_CARD_NS``."""
        pause_ns = _IDLE_CARD_NS if self._watched is False else _CARD_NS
        return self._card_ns is not None and self._clock.now_ns() - self._card_ns < pause_ns

    def _wants(self, composite: Composite) -> bool:
        if not composite.private or self.plan.cards == "always":
            return True
        return self.plan.cards == "between" and self._shown_ns is not None

    def _repeat(self) -> None:
        """Send the picture that is on show again where the next one is long in coming."""
        waited_ns = self._clock.now_ns() - self._sent_ns
        if self.plan.cards == "always" and waited_ns >= _REPEAT_NS and self._sink and self.shown:
            self._deliver(self._sink, self.shown)

    def _send(self, sink: Sink, composite: Composite) -> None:
        begin_ns = self._clock.now_ns()
        if not self._deliver(sink, composite):
            return
        now_ns = self._clock.now_ns()
        self.shown = composite
        self._card_ns = now_ns if composite.private else None
        if not composite.private:
            self._shown_ns = composite.captured_ns
        self._statistics.sent(self.plan.name, composite, begin_ns=begin_ns, now_ns=now_ns)

    def _deliver(self, sink: Sink, composite: Composite) -> bool:
        """Hand ``composite`` to ``sink``; return whether that took it."""
        self._sent_ns = self._clock.now_ns()
        try:
            sink.send(composite)
        except LivebgError as error:
            self._broken(sink, error)
            return False
        except Exception as error:
            # A defect of one sink must not end the thread silently, nor stop the other sinks.
            _log.debug("%s failed in a way that it should not", self.plan.name, exc_info=True)
            self._broken(sink, SinkError(f"{self.plan.name} failed: {error!r}"))
            return False
        return True

    def _broken(self, sink: Sink, error: LivebgError) -> None:
        self._sink = None
        if self._watched:
            self._watched = False
        with contextlib.suppress(LivebgError):
            sink.close()
        if not self.plan.retry:
            self.error = error
            return
        self._backoff.fail()
        self._report(error)

    def _reopen(self) -> Sink | None:
        if not self._backoff.ready:
            return None
        try:
            self._sink = self.plan.open()
        except LivebgError as error:
            wait_s = self._backoff.fail()
            _log.debug("%s: %s; next try in %.1f s", self.plan.name, error, wait_s)
            return None
        self._backoff.reset()
        _log.info("%s works again", self.plan.name)
        return self._sink
