"""What inference may cost, as an account that every frame pays into and all work is paid from.

The mask scheduler: on which frames the network runs.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from math import exp
from typing import Literal

from livebg.clock import NS_PER_S
from livebg.config.settings import CpuBudget, Every

__all__ = ["CUT_RESIDUAL", "Decision", "InferenceBudget", "MaskScheduler", "Reason"]


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


Reason = Literal["first", "settling", "every", "motion", "age", "cut", "carried", "budget", "busy"]
"""Why the network runs, or ``carried``, ``budget`` or ``busy`` when it does not.

``first``: there is no matte yet. ``settling``: the first frames after that, until a recurrent
network has seen enough. ``every``: the fixed interval is over. ``motion``: too many pixels look
wrong after the matte was moved. ``age``: the matte has been moved for long enough, which is soon
after a movement and twice as long each time that all stays calm. ``cut``: the picture is another
one. ``carried``: the moved matte is good enough. ``budget``: it is not, but the
frame rate or the processor budget leaves no time for more. ``busy``: it is not, but the network is
still at work on an earlier frame.
"""

_CARRYING: frozenset[Reason] = frozenset({"carried", "budget", "busy"})
_URGENT: frozenset[Reason] = frozenset({"first", "cut"})
_SETTLING_FRAMES = 4
_FIRST_PATIENCE = 2

CUT_RESIDUAL = 0.5
"""Share of the outline that looks wrong beyond which a carried matte must not be shown."""

_LONGEST_STRETCH = 4


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether the network runs on a frame, and why."""

    infer: bool
    reason: Reason

    @property
    def urgent(self) -> bool:
        """Whether no other matte may stand in for the one to be inferred."""
        return self.reason in _URGENT


class MaskScheduler:
    """Decides frame by frame whether to infer a new matte or to carry the last one.

    Args:
        every: infer on every n-th frame, or ``auto``: when the carried matte looks wrong.
        max_residual: for ``auto``, the share of pixels (0..1) that may look wrong.
        max_age: for ``auto``, the most frames that a matte is carried.
    """

    def __init__(self, every: Every, *, max_residual: float, max_age: int) -> None:
        self.configure(every, max_residual=max_residual, max_age=max_age)
        self._age = 0
        self._timeout = _FIRST_PATIENCE
        self._inferred_in_a_row = 0
        self._has_matte = False
        self._reasons: Counter[Reason] = Counter()
        self.strictness = 1.0
        """What ``auto`` multiplies its limits by, from 1; see ``budget.InferenceBudget``."""

    def configure(self, every: Every, *, max_residual: float, max_age: int) -> None:
        """Change what the scheduler was made with; what it has counted stays."""
        self._every = every
        self._max_residual = max_residual
        self._max_age = max_age

    @property
    def needs_residual(self) -> bool:
        """Whether the next decision depends on how well the matte can be carried."""
        return self._settled_reason() is None

    @property
    def reasons(self) -> dict[Reason, int]:
        """How often each reason decided."""
        return dict(self._reasons)

    @property
    def inferred(self) -> int:
        """How many frames the network was to look at."""
        return sum(count for reason, count in self.reasons.items() if reason not in _CARRYING)

    def decide(self, residual: float, *, beside: bool = False, busy: bool = False) -> Decision:
        """Decide for the next frame.

        Args:
            residual: share of pixels, 0..1, that look wrong after carrying the matte to this
                frame; unless ``beside``, ignored while ``needs_residual`` is False.
            beside: whether the carried matte is shown while the network is at work, so that a cut
                must be told from any other reason to infer.
            busy: whether the network is still at work on an earlier frame; only a decision that
                cannot wait is made then.
        """
        reason = self._reason(residual, beside)
        if busy and reason not in _CARRYING | _URGENT:
            reason = "busy"
        infer = reason not in _CARRYING
        self._reasons[reason] += 1
        self._has_matte = True
        self._age = 0 if infer else self._age + 1
        if infer:
            self._timeout = 2 * self._timeout if reason == "age" else _FIRST_PATIENCE
            self._inferred_in_a_row += 1
        elif reason != "busy":
            self._inferred_in_a_row = _SETTLING_FRAMES
        return Decision(infer, reason)

    def reset(self) -> None:
        """Forget the matte: the next frame is inferred."""
        self._has_matte = False
        self._inferred_in_a_row = 0

    def clear_counts(self) -> None:
        """Count the reasons from zero again."""
        self._reasons.clear()

    def _reason(self, residual: float, beside: bool) -> Reason:
        settled = self._settled_reason()
        if settled is not None and (settled == "first" or not beside):
            return settled
        if residual > CUT_RESIDUAL:
            return "cut"
        if settled is not None:
            return settled
        if self._every != "auto":
            return "carried"
        if residual > self._max_residual * self.strictness:
            return "motion"
        wanted = residual > self._max_residual or self._age + 1 >= self._timeout
        return "budget" if wanted else "carried"

    def _settled_reason(self) -> Reason | None:
        """Return the reason to infer that needs no look at the carried matte."""
        if not self._has_matte:
            return "first"
        if isinstance(self._every, int):
            return "every" if self._age + 1 >= self._every else None
        if self._inferred_in_a_row < _SETTLING_FRAMES:
            return "settling"
        oldest = min(self._timeout, self._max_age) * min(self.strictness, _LONGEST_STRETCH)
        return "age" if self._age + 1 >= oldest else None
