"""Monotonic time, the only time that livebg reads; tests drive it by hand."""

from __future__ import annotations

import threading
import time
from typing import Protocol

__all__ = ["NS_PER_S", "Clock", "ManualClock", "MonotonicClock"]

NS_PER_S = 1_000_000_000


class Clock(Protocol):
    """A source of monotonic time."""

    def now_ns(self) -> int:
        """Return monotonic nanoseconds; only differences mean something."""

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        """Wait until ``event`` is set or ``timeout_s`` seconds have passed; return ``is_set()``."""


class MonotonicClock:
    """The operating system's monotonic clock."""

    def now_ns(self) -> int:
        """Return monotonic nanoseconds."""
        return time.monotonic_ns()

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        """Wait until ``event`` is set or ``timeout_s`` seconds have passed; return ``is_set()``."""
        return event.wait(max(0.0, timeout_s))


class ManualClock:
    """A clock that moves only when it is advanced, or waited on.

    Example:
        >>> clock = ManualClock()
        >>> clock.advance(0.5)
        >>> clock.now_ns()
        500000000
    """

    def __init__(self, start_ns: int = 0) -> None:
        self._now_ns = start_ns

    def now_ns(self) -> int:
        """Return the time that the clock was moved to, in nanoseconds."""
        return self._now_ns

    def advance(self, seconds: float) -> None:
        """Move forward by ``seconds``."""
        self._now_ns += round(seconds * NS_PER_S)

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        """Pass ``timeout_s`` at once unless ``event`` is set; return ``event.is_set()``."""
        if not event.is_set():
            self.advance(max(0.0, timeout_s))
        return event.is_set()
