"""What is measured: a preset's pipeline, or a baseline that stands beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from livebg.config.schema import Settings
from livebg.types import Composite, Frame, Size

__all__ = ["COPY", "RECIPE", "Subject", "SubjectPlan", "open_subject", "used_since"]

RECIPE = "float recipe"
"""The baseline that livebg is to beat: ``livebg.bench.baselines.FloatRecipe``."""

COPY = "frame copy"
"""The floor, which nothing can beat: ``livebg.bench.baselines.FrameCopy``."""


class Subject(Protocol):
    """What ``livebg.runtime.pipeline.Pipeline`` and the baselines have in common."""

    @property
    def statistics(self) -> Mapping[str, Any]:
        """What was done so far, as ``Pipeline.statistics`` says it."""

    def process(self, frame: Frame) -> Composite:
        """Return ``frame`` filtered."""

    def matte(self, frame: Frame) -> Any:
        """Return the matte of the next frame, in whatever form ``compose`` takes it."""

    def compose(self, frame: Frame, matte: Any, *, want_alpha: bool = False) -> Composite:
        """Return ``frame`` composed with its own ``matte``."""

    def reset(self) -> None:
        """Forget all earlier frames."""

    def close(self) -> None:
        """Release everything. Idempotent."""


@dataclass(frozen=True, slots=True)
class SubjectPlan:
    """A subject that is yet to be opened.

    Attributes:
        name: of the preset, or ``RECIPE`` or ``COPY``.
        settings: what it works by; a baseline heeds the background, the precision and the threads.
    """

    name: str
    settings: Settings

    @property
    def is_baseline(self) -> bool:
        """Whether it is something else than livebg."""
        return self.name in (RECIPE, COPY)

    def behind(self, background: str) -> SubjectPlan:
        """Return the plan with another ``background``."""
        return replace(self, settings=replace(self.settings, background=background))


def open_subject(plan: SubjectPlan, size: Size) -> Subject:
    """Open what ``plan`` names for frames of ``(width, height)``.

    Raises:
        LivebgError: as ``livebg.runtime.build.build_pipeline``.
    """
    if plan.is_baseline:
        from livebg.bench.baselines import FloatRecipe, FrameCopy

        return FrameCopy() if plan.name == COPY else FloatRecipe(plan.settings, size)
    from livebg.runtime.build import build_pipeline

    return build_pipeline(plan.settings, size)


def used_since(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a subject did between two looks at its statistics.

    Returns:
        ``frames``; ``inferred``; ``stage_ms``: mean milliseconds a frame by stage.

    Example:
        >>> early = {"frames": 1, "inferred": 1, "stage_ms": {"segment": 900.0}}
        >>> late = {"frames": 3, "inferred": 2, "stage_ms": {"segment": 310.0}}
        >>> used_since(early, late)
        {'frames': 2, 'inferred': 1, 'stage_ms': {'segment': 15.0}}
    """
    frames = after["frames"] - before["frames"]
    earlier = before["stage_ms"]
    return {
        "frames": frames,
        "inferred": after["inferred"] - before["inferred"],
        "stage_ms": {
            stage: (mean * after["frames"] - earlier.get(stage, 0.0) * before["frames"])
            / max(1, frames)
            for stage, mean in after["stage_ms"].items()
        },
    }
