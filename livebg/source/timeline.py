"""Presentation times that start at 0 and always advance, whatever a file says."""

from __future__ import annotations

from livebg.clock import NS_PER_S

__all__ = ["Timeline"]


class Timeline:
    """Turns the times written in a file into those of ``Frame.captured_ns``.

    A time that is missing becomes one step after the frame before. A time that repeats or goes
    back a little becomes one nanosecond after it, so that later frames keep their own times and
    sound stays in step. A clock that was set back by a second or more is a splice: everything
    after it is moved to follow on.

    Args:
        step_ns: nominal time from one frame to the next, nanoseconds.

    Example:
        >>> timeline = Timeline(step_ns=40)
        >>> [timeline.place(time_ns) for time_ns in (1000, 1040, None, 1120)]
        [0, 40, 80, 120]
    """

    def __init__(self, step_ns: int) -> None:
        self._step_ns = step_ns
        self._origin_ns: int | None = None
        self._last_ns = 0

    def place(self, time_ns: int | None) -> int:
        """Return the presentation time of the next frame, in nanoseconds from the first.

        Args:
            time_ns: what the file says, on its own clock; None where it says nothing.
        """
        if self._origin_ns is None:
            self._origin_ns = time_ns or 0
            return 0
        expected_ns = self._last_ns + self._step_ns
        placed_ns = expected_ns if time_ns is None else time_ns - self._origin_ns
        if placed_ns <= self._last_ns - NS_PER_S:
            self._origin_ns -= expected_ns - placed_ns
            placed_ns = expected_ns
        self._last_ns = max(placed_ns, self._last_ns + 1)
        return self._last_ns
