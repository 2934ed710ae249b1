"""The mask scheduler: on which frames the network runs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from livebg.config.schema import Every

__all__ = ["Decision", "MaskScheduler", "Reason"]

Reason = Literal["first", "settling", "every", "motion", "age", "cut", "carried"]
"""Why the network runs, or ``carried`` when it does not.

``first``: there is no matte yet. ``settling``: the first frames after that, until a recurrent
network has seen enough. ``every``: the fixed interval is over. ``motion``: too many pixels look
wrong after the matte was moved. ``age``: the matte has been moved for long enough. ``cut``: the
picture is another one.
"""

_SETTLING_FRAMES = 6
_CUT_RESIDUAL = 0.5


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether the network runs on a frame, and why."""

    infer: bool
    reason: Reason


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
        self._inferred_in_a_row = 0
        self._has_matte = False
        self._reasons: Counter[Reason] = Counter()

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

    def decide(self, residual: float) -> Decision:
        """Decide for the next frame.

        Args:
            residual: share of pixels, 0..1, that look wrong after carrying the matte to this
                frame; ignored while ``needs_residual`` is False.
        """
        reason = self._settled_reason() or self._reason_by_look(residual)
        infer = reason != "carried"
        self._reasons[reason] += 1
        self._has_matte = True
        self._age = 0 if infer else self._age + 1
        self._inferred_in_a_row = self._inferred_in_a_row + 1 if infer else _SETTLING_FRAMES
        return Decision(infer, reason)

    def reset(self) -> None:
        """Forget the matte: the next frame is inferred."""
        self._has_matte = False
        self._inferred_in_a_row = 0

    def _settled_reason(self) -> Reason | None:
        """Return the reason to infer that needs no look at the carried matte."""
        if not self._has_matte:
            return "first"
        if isinstance(self._every, int):
            return "every" if self._age + 1 >= self._every else None
        if self._inferred_in_a_row < _SETTLING_FRAMES:
            return "settling"
        return "age" if self._age + 1 >= self._max_age else None

    def _reason_by_look(self, residual: float) -> Reason:
        if residual > _CUT_RESIDUAL:
            return "cut"
        if self._every == "auto" and residual > self._max_residual:
            return "motion"
        return "carried"
