"""Whether a live session is wanted: its camera runs only while somebody watches."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from livebg.clock import NS_PER_S, Clock

__all__ = ["Demand"]

_LINGER_S = 2.0
"""Apps close and open a camera again while they set themselves up: so long they are waited for."""


class Demand:
    """Says whether the camera is wanted, from what the sinks say of their readers.

    Sinks that cannot tell (a window, a recording) have no say, unless none can: then the camera is
    always wanted.

    Args:
        answers: what each sink says, see ``Sink.watched``.
        clock: what times the wait after the last reader.
        linger_s: seconds that the camera stays wanted after the last reader left.

    Example:
        >>> from livebg.clock import ManualClock
        >>> clock, answers = ManualClock(), [False, None]
        >>> demand = Demand(lambda: answers, clock)
        >>> demand.wanted()
        False
        >>> answers[0] = True
        >>> demand.wanted()
        True
        >>> answers[0] = False
        >>> demand.wanted()
        True
        >>> clock.advance(2.0)
        >>> demand.wanted()
        False
    """

    def __init__(
        self,
        answers: Callable[[], Iterable[bool | None]],
        clock: Clock,
        *,
        linger_s: float = _LINGER_S,
    ) -> None:
        self._answers = answers
        self._clock = clock
        self._linger_ns = round(linger_s * NS_PER_S)
        self._seen_ns: int | None = None

    def wanted(self) -> bool:
        """Whether somebody watches now, or did a moment ago; asked by one thread."""
        now_ns = self._clock.now_ns()
        known = [answer for answer in self._answers() if answer is not None]
        if any(known) or not known:
            self._seen_ns = now_ns
        return self._seen_ns is not None and now_ns - self._seen_ns < self._linger_ns
