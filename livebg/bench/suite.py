"""Many measurements one after the other, each in a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from livebg.bench.isolation import run_isolated
from livebg.bench.parity import ParityCase, ParityResult, mean_parity, measure_parity
from livebg.bench.quality import QualityCase, QualityResult, mean_quality, measure_quality
from livebg.bench.speed import SpeedCase, SpeedResult, SubjectPlan, measure_speed, size_name
from livebg.frame import Size

__all__ = ["Progress", "fill_caches", "run_parity", "run_quality", "run_speed"]

Progress = Callable[[int, int, str], None]
"""Told the measurements done, their number in all, and what is measured now."""

_Case = TypeVar("_Case")
_Result = TypeVar("_Result")


def run_speed(cases: Sequence[SpeedCase], progress: Progress) -> list[SpeedResult]:
    """Measure every case.

    Raises:
        BenchError: a process died.
        LivebgError: as ``measure_speed``.
    """

    def named(case: SpeedCase) -> str:
        return f"{case.plan.name}, {size_name(case.size)} {case.effect}".strip()

    return _each(measure_speed, cases, named, progress)


def run_parity(cases: Sequence[ParityCase], progress: Progress) -> list[ParityResult]:
    """Compare all engines on every clip.

    Raises:
        BenchError: a process died.
        LivebgError: as ``measure_parity``.
    """

    def named(case: ParityCase) -> str:
        return f"{len(case.engines)} engines on {case.clip.name}"

    return mean_parity(_each(measure_parity, cases, named, progress))


def run_quality(
    plans: Sequence[SubjectPlan], clips: Sequence[Path], progress: Progress
) -> list[QualityResult]:
    """Measure every subject on every clip.

    Raises:
        BenchError: a process died.
        LivebgError: as ``measure_quality``.
    """

    def named(case: QualityCase) -> str:
        return f"{case.plan.name} on {case.clip.name}"

    cases = [QualityCase(plan, clip) for plan in plans for clip in clips]
    measured = _each(measure_quality, cases, named, progress)
    return [
        mean_quality(plan.name, measured[row * len(clips) : (row + 1) * len(clips)])
        for row, plan in enumerate(plans)
    ]


def fill_caches(presets: Sequence[SubjectPlan], size: Size) -> None:
    """Let every pipeline compile what is kept on disk, so that no measurement does.

    Args:
        presets: what will be measured, no baseline among them.
        size: ``(width, height)`` of frames.

    Raises:
        LivebgError: a pipeline cannot be built, or its network fails.
    """
    run_isolated(_build_each, presets, size)


def _each(
    measure: Callable[[_Case], _Result],
    cases: Sequence[_Case],
    named: Callable[[_Case], str],
    progress: Progress,
) -> list[_Result]:
    """Measure every case in a process of its own; say before each what it is."""
    results = []
    for number, case in enumerate(cases):
        progress(number, len(cases), named(case))
        results.append(run_isolated(measure, case))
    return results


def _build_each(presets: Sequence[SubjectPlan], size: Size) -> None:
    from livebg.live.hot_swap import build_warmed_up

    for plan in presets:
        build_warmed_up(plan.settings, size).close()
