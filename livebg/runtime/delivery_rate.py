"""Whether a camera delivers as many frames as it has promised."""

from __future__ import annotations

from livebg.clock import NS_PER_S

__all__ = ["DeliveryRate"]

_WINDOW_NS = 4 * NS_PER_S
_PAUSE_NS = NS_PER_S
"""A longer interval is no slow camera: the machine slept, or the camera was silent."""
_ENOUGH = 0.8
"""Share of the promised frames below which a user will see the difference."""


class DeliveryRate:
    """Counts frames over some seconds, and finds once that they are too few.

    Args:
        promised: frames per second that the camera says it delivers; None where it does not say.

    Example:
        >>> rate = DeliveryRate(30.0)
        >>> seen = [rate.frame(n, n * NS_PER_S // 15) for n in range(100)]
        >>> [round(slow) for slow in seen if slow]
        [15]
    """

    def __init__(self, promised: float | None) -> None:
        self._promised = promised
        self._first: tuple[int, int] | None = None
        self._last_ns = 0

    def frame(self, index: int, captured_ns: int) -> float | None:
        """Count a frame; return the rate, in frames per second, once when it is too low.

        Args:
            index: of the frame; frames that were lost on the way to us were delivered.
            captured_ns: when it was captured.
        """
        if self._promised is None:
            return None
        if self._first is None or captured_ns - self._last_ns > _PAUSE_NS:
            self._first = (index, captured_ns)
        self._last_ns = captured_ns
        first_index, first_ns = self._first
        if captured_ns - first_ns < _WINDOW_NS:
            return None
        rate = (index - first_index) * NS_PER_S / (captured_ns - first_ns)
        self._first = (index, captured_ns)
        if rate >= _ENOUGH * self._promised:
            return None
        self._promised = None
        return rate
