"""Whether a frame follows the one before, or comes after a break."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from livebg.clock import NS_PER_S

__all__ = ["Continuity", "slept_ns"]

_BREAK_NS = NS_PER_S


def slept_ns() -> int:
    """Return for how long this machine has slept since it was started, in nanoseconds.

    Monotonic time stands still meanwhile. Where the system does not tell, the answer is 0.
    """
    if sys.platform != "linux":
        return 0
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.monotonic_ns()


class Continuity:
    """Finds frames that come after a break: what was known of earlier ones says nothing of them.

    A break is a second without a frame (a program that was stopped, a camera that was silent) or
    a sleep of the machine, which no clock of a frame shows.

    Args:
        slept_ns: tells for how long the machine has slept in all, in nanoseconds.

    Example:
        >>> continuity = Continuity(lambda: 0)
        >>> [continuity.broken(ms * 1_000_000) for ms in (0, 33, 66, 5000, 5033)]
        [False, False, False, True, False]
    """

    def __init__(self, slept_ns: Callable[[], int] = slept_ns) -> None:
        self._slept_ns = slept_ns
        self._last: tuple[int, int] | None = None

    def broken(self, captured_ns: int) -> bool:
        """Say whether a break lies between a frame and the one before it, and remember the frame.

        Args:
            captured_ns: when it was captured.
        """
        now = (captured_ns, self._slept_ns())
        before, self._last = self._last, now
        if before is None:
            return False
        return any(new - old > _BREAK_NS for new, old in zip(now, before, strict=True))
