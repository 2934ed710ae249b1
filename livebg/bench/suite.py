"""Many measurements one after the other, each in a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from livebg.bench.device_work import DeviceCase, DeviceWork, measure_device
from livebg.bench.isolation import run_isolated
from livebg.bench.parity import ParityCase, ParityResult, mean_parity, measure_parity
from livebg.bench.quality import QualityCase, QualityResult, mean_quality, measure_quality
from livebg.bench.sizes import size_name
from livebg.bench.speed import SpeedCase, SpeedResult, measure_speed
from livebg.bench.subjects import SubjectPlan
from livebg.types import Size

__all__ = ["Progress", "fill_caches", "run_device", "run_parity", "run_quality", "run_speed"]

Progress = Callable[[int, int, str], None]
"""Told the measurements done, their number in all, and what is measured now."""


def run_speed(cases: Sequence[SpeedCase], progress: Progress) -> list[SpeedResult]:
    """Measure every case.

    Raises:
        BenchError: a process died.
        LivebgError: as ``measure_speed``.
    """
    results = []
    for number, case in enumerate(cases):
        what = f"{case.plan.name}, {size_name(case.size)} {case.effect}"
        progress(number, len(cases), what.strip())
        results.append(run_isolated(measure_speed, case))
    return results


def run_device(cases: Sequence[DeviceCase], progress: Progress) -> list[DeviceWork]:
    """Measure every network on its torch device.

    Raises:
        BenchError: a process died.
        LivebgError: as ``measure_device``.
    """
    results = []
    for number, case in enumerate(cases):
        progress(number, len(cases), f"{case.plan.name} on {case.device}, {size_name(case.size)}")
        results.append(run_isolated(measure_device, case))
    return results


def run_parity(cases: Sequence[ParityCase], progress: Progress) -> list[ParityResult]:
    """Compare all engines on every clip.

    Raises:
        BenchError: a process died.
        LivebgError: as ``measure_parity``.
    """
    measured = []
    for number, case in enumerate(cases):
        progress(number, len(cases), f"{len(case.engines)} engines on {case.clip.name}")
        measured.append(run_isolated(measure_parity, case))
    return mean_parity(measured)


def run_quality(
    plans: Sequence[SubjectPlan], clips: Sequence[Path], progress: Progress
) -> list[QualityResult]:
    """Measure every subject on every clip.

    Raises:
        BenchError: a process died.
        LivebgError: as ``measure_quality``.
    """
    results = []
    for row, plan in enumerate(plans):
        measured = []
        for column, clip in enumerate(clips):
            done = row * len(clips) + column
            progress(done, len(plans) * len(clips), f"{plan.name} on {clip.name}")
            measured.append(run_isolated(measure_quality, QualityCase(plan, clip)))
        results.append(mean_quality(plan.name, measured))
    return results


def fill_caches(presets: Sequence[SubjectPlan], size: Size) -> None:
    """Let every pipeline compile what is kept on disk, so that no measurement does.

    Args:
        presets: what will be measured, no baseline among them.
        size: ``(width, height)`` of frames.

    Raises:
        LivebgError: a pipeline cannot be built, or its network fails.
    """
    run_isolated(_build_each, presets, size)


def _build_each(presets: Sequence[SubjectPlan], size: Size) -> None:
    from livebg.runtime.rehearsal import build_rehearsed

    for plan in presets:
        build_rehearsed(plan.settings, size).close()
