"""The mask scheduler: on which frames the network runs, within an inference budget."""

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

Reason = Literal["first", "settling", "every", "motion", "age", "cut", "carried", "budget", "busy"]
"""Why the network runs on a frame, or why it does not.

It runs:
    first: there is no matte yet.
    settling: one of the first frames after that, until a recurrent network has settled.
    every: the fixed interval is over.
    motion: too many pixels look wrong after the matte was moved.
    age: the matte has been moved for long enough: soon after a movement, and after twice as long
        each time that the picture rests.
    cut: the picture is another one.

It does not run:
    carried: the moved matte is good enough.
    budget: it is not, but the frame rate or the processor budget leaves no time for more.
    busy: it is not, but the network is still at work on an earlier frame.
"""

_CARRYING: frozenset[Reason] = frozenset({"carried", "budget", "busy"})
_URGENT: frozenset[Reason] = frozenset({"first", "cut"})

CUT_RESIDUAL = 0.5
"""Share of the outline that looks wrong beyond which a carried matte must not be shown."""

_SETTLING_FRAMES = 4
_FIRST_INTERVAL = 2
_LONGEST_STRETCH = 4

_USABLE = 0.85
"""Share of a frame's time that the stages may fill and still be ready for the next frame."""

_ACCOUNT_S = 0.5
"""The account holds at most what is earned in this many seconds."""

_LONGEST_PAUSE_NS = NS_PER_S
"""Nothing is earned in a longer time between two frames: the camera was away."""

_TAU_S = 2.0
_STRICTEST = 10.0


class InferenceBudget:
    """Account of time that tells the mask scheduler how strict to be.

    Every frame earns a share of the time since the frame before, and what was spent since then is
    subtracted: the time in which the pipeline kept its thread, against the frame rate; and the
    processor time of the whole program, against the user's share of a core. The dearer one counts.
    In credit the strictness is 1, so a short movement is followed closely. In debt the scheduler
    gets stricter with every inference that is owed, until the spending fits.

    Args:
        share: percent of one core that the whole program may use, or ``auto``: as much as the frame
            rate leaves.
        cpu_ns: returns the processor time that the program has used so far, in nanoseconds.
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
        """Set the account to zero."""
        self._account_ns = 0.0
        self._last: tuple[int, int, int] | None = None

    def add_frame(self, captured_ns: int, *, spent_ns: int) -> None:
        """Earn for a new frame, and subtract what was spent since the frame before.

        ``spent_ns`` is the time in which the pipeline has kept its thread so far, in all.
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
        owed_ns = _STRICTEST * (self._inference_ns or 0.0)
        self._account_ns = max(-owed_ns, min(most_ns, self._account_ns + left_ns))

    def add_inference(self, captured_ns: int, *, duration_ns: int) -> None:
        """Record the duration of an inference, smoothed with a time constant of two seconds."""
        if self._inference_ns is None:
            self._inference_ns = float(duration_ns)
        passed_s = max(0, captured_ns - self._inferred_at_ns) / NS_PER_S
        self._inference_ns += (duration_ns - self._inference_ns) * (1 - exp(-passed_s / _TAU_S))
        self._inferred_at_ns = captured_ns

    @property
    def strictness(self) -> float:
        """Factor on the scheduler's limits: 1 in credit, one more for each inference owed."""
        if self._account_ns >= 0 or not self._inference_ns:
            return 1.0
        return min(_STRICTEST, 1.0 - self._account_ns / self._inference_ns)


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether the network runs on a frame, and why."""

    infer: bool
    reason: Reason

    @property
    def urgent(self) -> bool:
        """Whether the frame cannot be shown with a carried matte meanwhile."""
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
        self._interval = _FIRST_INTERVAL
        self._inferred_in_a_row = 0
        self._has_matte = False
        self._reasons: Counter[Reason] = Counter()
        self.strictness = 1.0
        """Factor on the limits of ``auto``, from 1; see ``InferenceBudget``."""

    def configure(self, every: Every, *, max_residual: float, max_age: int) -> None:
        """Change the settings; the counts stay."""
        self._every = every
        self._max_residual = max_residual
        self._max_age = max_age

    @property
    def needs_residual(self) -> bool:
        """Whether the next decision depends on how well the matte can be carried."""
        return self._reason_without_residual() is None

    @property
    def reasons(self) -> dict[Reason, int]:
        """Number of decisions by reason."""
        return dict(self._reasons)

    @property
    def inferred(self) -> int:
        """Number of decisions to run the network."""
        return sum(count for reason, count in self.reasons.items() if reason not in _CARRYING)

    def decide(self, residual: float, *, threaded: bool = False, busy: bool = False) -> Decision:
        """Decide for the next frame.

        Args:
            residual: share of pixels, 0..1, that look wrong after carrying the matte to this frame;
                unless ``threaded``, ignored where ``needs_residual`` is False.
            threaded: whether the carried matte is shown while the network runs, so that a cut must
                be told from other reasons to infer.
            busy: whether the network is still at work on an earlier frame; only an urgent inference
                is decided then.
        """
        reason = self._reason(residual, threaded)
        if busy and reason not in _CARRYING | _URGENT:
            reason = "busy"
        infer = reason not in _CARRYING
        self._reasons[reason] += 1
        self._has_matte = True
        self._age = 0 if infer else self._age + 1
        if infer:
            self._interval = 2 * self._interval if reason == "age" else _FIRST_INTERVAL
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

    def _reason(self, residual: float, threaded: bool) -> Reason:
        reason = self._reason_without_residual()
        if reason is not None and (reason == "first" or not threaded):
            return reason
        if residual > CUT_RESIDUAL:
            return "cut"
        if reason is not None:
            return reason
        if self._every != "auto":
            return "carried"
        if residual > self._max_residual * self.strictness:
            return "motion"
        due = residual > self._max_residual or self._age + 1 >= self._interval
        return "budget" if due else "carried"

    def _reason_without_residual(self) -> Reason | None:
        """Return the reason to infer that holds however well the matte can be carried."""
        if not self._has_matte:
            return "first"
        if isinstance(self._every, int):
            return "every" if self._age + 1 >= self._every else None
        if self._inferred_in_a_row < _SETTLING_FRAMES:
            return "settling"
        oldest = min(self._interval, self._max_age) * min(self.strictness, _LONGEST_STRETCH)
        return "age" if self._age + 1 >= oldest else None
