"""How long a live session waits for its network, and shows what that said before."""

from __future__ import annotations

from collections import deque
from statistics import median

from livebg.clock import NS_PER_S

__all__ = ["Patience"]

_REMEMBERED = 5
_MARGIN = 1.5
_LONGEST_S = 5.0
"""A network that takes longer than most of this cannot be followed by flow any more."""


class Patience:
    """Grants a network the time that mattes may be old, or half as long again as it usually takes.

    A network of a second an answer would otherwise be late with every one of them. It is the
    residual of each carried matte, not its age alone, that says whether it may still be shown.

    Args:
        max_age_s: the setting ``max_matte_age_s``.

    Example:
        >>> patience = Patience(0.5)
        >>> patience.answer_s, patience.age_s
        (0.5, 1.0)
        >>> patience.took(1_000_000_000)
        >>> patience.answer_s, patience.age_s
        (1.5, 3.0)
    """

    def __init__(self, max_age_s: float) -> None:
        self._took_s: deque[float] = deque(maxlen=_REMEMBERED)
        self.configure(max_age_s)

    def configure(self, max_age_s: float) -> None:
        """Change what it was made with; what the network took so far stays."""
        self._max_age_s = max_age_s

    def took(self, took_ns: int) -> None:
        """Note what one answer took, in nanoseconds."""
        self._took_s.append(took_ns / NS_PER_S)

    @property
    def answer_s(self) -> float:
        """Seconds that an answer may take; by the median, so that one that hung grants nothing."""
        usual_s = median(self._took_s) if self._took_s else 0.0
        return max(self._max_age_s, min(_LONGEST_S, _MARGIN * usual_s))

    @property
    def age_s(self) -> float:
        """Seconds that a matte may be carried.

        It comes when its frame is ``answer_s`` old at most, and the next one has as long.
        """
        return 2 * self.answer_s
