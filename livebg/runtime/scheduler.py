"""The mask scheduler: on which frames the network runs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from livebg.config.schema import Every

__all__ = ["CUT_RESIDUAL", "Decision", "MaskScheduler", "Reason"]

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
        self._patience = _FIRST_PATIENCE
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
            self._patience = 2 * self._patience if reason == "age" else _FIRST_PATIENCE
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
        wanted = residual > self._max_residual or self._age + 1 >= self._patience
        return "budget" if wanted else "carried"

    def _settled_reason(self) -> Reason | None:
        """Return the reason to infer that needs no look at the carried matte."""
        if not self._has_matte:
            return "first"
        if isinstance(self._every, int):
            return "every" if self._age + 1 >= self._every else None
        if self._inferred_in_a_row < _SETTLING_FRAMES:
            return "settling"
        oldest = min(self._patience, self._max_age) * min(self.strictness, _LONGEST_STRETCH)
        return "age" if self._age + 1 >= oldest else None
