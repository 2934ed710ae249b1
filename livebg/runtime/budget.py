"""What inference may cost, as an account that every frame pays into and all work is paid from."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import exp

from livebg.clock import NS_PER_S
from livebg.config.schema import CpuBudget

__all__ = ["InferenceBudget"]

_USABLE = 0.85
"""Share of a frame's time that the chain may fill and still be ready for the next one."""

_ACCOUNT_S = 0.5
"""The account holds at most what this many seconds pay in."""

_LONGEST_PAUSE_NS = NS_PER_S
"""A camera that was away pays nothing in for that time."""

_TAU_S = 2.0
_WORST_STRICTNESS = 10.0


class InferenceBudget:
    """Says how strict the mask scheduler must be to hold the frame rate and the user's budget.

    Each frame pays in its share of the time since the one before, and what was spent since then is
    taken off: the time that the chain kept its thread, against the frame rate, and the processor
    time of the whole program, against the user's share of a core; the dearer one counts. While
    the account is in credit, inferences are free of restraint, so a short movement is followed
    closely. In debt the scheduler gets stricter with every inference that is owed, until the
    spending fits.

    Args:
        share: percent of one core that the whole program may use, or ``auto``: what the frame
            rate leaves.
        cpu_ns: tells the processor time that the program has used so far, in nanoseconds.

    Example:
        >>> budget = InferenceBudget("auto")
        >>> for captured_ns in (0, 33_000_000, 66_000_000):
        ...     budget.frame(captured_ns, spent_ns=2 * captured_ns)
        ...     budget.inferred(captured_ns, took_ns=20_000_000)
        >>> budget.strictness > 1
        True
    """

    def __init__(
        self, share: CpuBudget, *, cpu_ns: Callable[[], int] = time.process_time_ns
    ) -> None:
        self._cpu_ns = cpu_ns
        self._inference_ns: float | None = None
        self._inferred_at_ns = 0
        self.configure(share)
        self.reset()

    def configure(self, share: CpuBudget) -> None:
        """Change the share of a core; what is owed stays."""
        self._share = None if share == "auto" else share / 100

    def reset(self) -> None:
        """Settle the account, as after a pause."""
        self._account_ns = 0.0
        self._last: tuple[int, int, int] | None = None

    def frame(self, captured_ns: int, *, spent_ns: int) -> None:
        """Pay in for a new frame.

        Args:
            captured_ns: when it was captured.
            spent_ns: time that the chain has kept its thread so far, in all.
        """
        now = (captured_ns, spent_ns, self._cpu_ns())
        before, self._last = self._last, now
        if before is None:
            return
        passed_ns, kept_ns, used_ns = (new - old for new, old in zip(now, before, strict=True))
        if not 0 < passed_ns <= _LONGEST_PAUSE_NS:
            return
        left_ns = _USABLE * passed_ns - kept_ns
        if self._share is not None:
            left_ns = min(left_ns, self._share * passed_ns - used_ns)
        most_ns = _ACCOUNT_S * NS_PER_S * min(_USABLE, self._share or _USABLE)
        owed_ns = _WORST_STRICTNESS * (self._inference_ns or 0.0)
        self._account_ns = max(-owed_ns, min(most_ns, self._account_ns + left_ns))

    def inferred(self, captured_ns: int, *, took_ns: int) -> None:
        """Note what an inference took, smoothed with a time constant of two seconds.

        Args:
            captured_ns: capture time of its frame.
            took_ns: how long the network ran.
        """
        if self._inference_ns is None:
            self._inference_ns = float(took_ns)
        passed_s = max(0, captured_ns - self._inferred_at_ns) / NS_PER_S
        self._inference_ns += (took_ns - self._inference_ns) * (1 - exp(-passed_s / _TAU_S))
        self._inferred_at_ns = captured_ns

    @property
    def strictness(self) -> float:
        """Factor on what the scheduler tolerates: 1 in credit, one more for each owed inference."""
        if self._account_ns >= 0 or not self._inference_ns:
            return 1.0
        return min(_WORST_STRICTNESS, 1.0 - self._account_ns / self._inference_ns)
