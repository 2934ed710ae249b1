"""How long to wait before something that failed is tried again."""

from __future__ import annotations

from livebg.clock import NS_PER_S, Clock

__all__ = ["Backoff"]


class Backoff:
    """Waiting times that double from ``first_s`` to ``longest_s`` until ``reset``.

    Example:
        >>> from livebg.clock import ManualClock
        >>> clock = ManualClock()
        >>> backoff = Backoff(clock)
        >>> backoff.fail()
        0.5
        >>> backoff.ready
        False
        >>> clock.advance(0.5)
        >>> backoff.ready, backoff.fail()
        (True, 1.0)
    """

    def __init__(self, clock: Clock, *, first_s: float = 0.5, longest_s: float = 5.0) -> None:
        self._clock = clock
        self._first_s = first_s
        self._longest_s = longest_s
        self.reset()

    def reset(self) -> None:
        """It works again: be ready at once, and start from the shortest wait next time."""
        self._next_s = self._first_s
        self._ready_ns: int | None = None

    def fail(self) -> float:
        """It failed: return the seconds until it may be tried again."""
        wait_s = self._next_s
        self._next_s = min(self._next_s * 2, self._longest_s)
        self._ready_ns = self._clock.now_ns() + round(wait_s * NS_PER_S)
        return wait_s

    @property
    def ready(self) -> bool:
        """True when it may be tried."""
        return self._ready_ns is None or self._clock.now_ns() >= self._ready_ns
