"""How fast a subject is, from memory to a null sink."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from livebg.bench.footage import Footage, frames_that_fit, load_footage
from livebg.bench.subjects import COPY, Subject, SubjectPlan, open_subject, used_since
from livebg.runtime.process import peak_memory_mib
from livebg.sink.base import Sink
from livebg.sink.null import NullSink
from livebg.types import Frame, Size

__all__ = ["Length", "SpeedCase", "SpeedResult", "measure_speed", "plan_speed"]

_WARM_UP_FRAMES = 12
"""More than those that the mask scheduler always infers at first."""

_WARM_UP_S = 2.0
_LEAST_FRAMES = 3


@dataclass(frozen=True, slots=True)
class Length:
    """How long to measure.

    Attributes:
        seconds: after which no further frame is begun, once there are three.
        frames: exactly so many instead, where it is given.
    """

    seconds: float
    frames: int | None = None

    def is_reached(self, frames: int, seconds: float) -> bool:
        """Whether so many frames in so many seconds are enough."""
        if self.frames is not None:
            return frames >= self.frames
        return frames >= _LEAST_FRAMES and seconds >= self.seconds


@dataclass(frozen=True, slots=True)
class SpeedCase:
    """One measurement that is yet to be made.

    Attributes:
        plan: what is measured.
        effect: ``picture`` or ``blur``, for the report; empty where there is none.
        size: ``(width, height)`` of the frames.
        clip: a video file or a folder of pictures.
        held_frames: the most frames of it that are held in memory.
        length: how long to measure.
    """

    plan: SubjectPlan
    effect: str
    size: Size
    clip: Path
    held_frames: int
    length: Length


@dataclass(frozen=True, slots=True)
class SpeedResult:
    """What was measured, the warm-up not counted.

    Attributes:
        subject: name of the subject.
        effect: as in the case.
        size: ``(width, height)`` of the frames.
        engine: what ran the network; empty where there is none.
        input_size: ``(width, height)`` that the network saw, or None.
        frames: frames measured.
        fps: frames per second.
        cpu_ms: processor time of the whole process per frame, in milliseconds.
        p50_ms: median time per frame, in milliseconds.
        p95_ms: time that 95 % of the frames did not exceed.
        p99_ms: time that 99 % of the frames did not exceed.
        stage_ms: mean milliseconds a frame, by stage.
        inferred_share: share of the frames that the network saw, 0..1.
        peak_mib: most memory that was resident, in MiB, the clip not counted; None where the
            system does not tell.
    """

    subject: str
    effect: str
    size: Size
    engine: str
    input_size: Size | None
    frames: int
    fps: float
    cpu_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    stage_ms: dict[str, float]
    inferred_share: float
    peak_mib: float | None


def plan_speed(
    presets: Sequence[SubjectPlan],
    recipe: SubjectPlan,
    *,
    sizes: Sequence[Size],
    effects: Mapping[str, str],
    clip: Path,
    length: Length,
) -> list[SpeedCase]:
    """Return a case per size, effect and subject, and one of a copied frame per size.

    Every size shows the same frames: as many of the clip's as fit into memory at the largest.

    Args:
        presets: what is measured.
        recipe: the baseline beside them.
        sizes: ``(width, height)`` of the frames.
        effects: by name, the setting ``background``.
        clip: a video file or a folder of pictures.
        length: how long to measure each case.
    """
    held = min(map(frames_that_fit, sizes))
    cases = []
    for size in sizes:
        for effect, background in effects.items():
            cases += [
                SpeedCase(plan.behind(background), effect, size, clip, held, length)
                for plan in (*presets, recipe)
            ]
        copy = SubjectPlan(COPY, recipe.settings)
        cases.append(SpeedCase(copy, "", size, clip, held, length))
    return cases


def measure_speed(case: SpeedCase) -> SpeedResult:
    """Measure ``case``; made for ``run_isolated``, whose process it counts as a whole.

    Raises:
        LivebgError: the clip cannot be read, or the subject cannot be opened or fails.
    """
    cv2.setNumThreads(1)
    footage = load_footage(case.clip, case.size, case.held_frames)
    frames = footage.frames()
    with closing(open_subject(case.plan, case.size)) as subject, NullSink() as sink:
        _warm_up(subject, frames, sink)
        before = subject.statistics
        cpu_ns = time.process_time_ns()
        spent_ns = _timed_frames(subject, frames, sink, case.length)
        cpu_ns = time.process_time_ns() - cpu_ns
        return _result(case, footage, before, subject.statistics, spent_ns, cpu_ns)


def _warm_up(subject: Subject, frames: Iterator[Frame], sink: Sink) -> None:
    begin_s = time.perf_counter()
    for _ in range(_WARM_UP_FRAMES):
        sink.send(subject.process(next(frames)))
        if time.perf_counter() - begin_s > _WARM_UP_S:
            return


def _timed_frames(
    subject: Subject, frames: Iterator[Frame], sink: Sink, length: Length
) -> list[int]:
    """Return the nanoseconds that each frame took."""
    spent_ns: list[int] = []
    first_ns = time.perf_counter_ns()
    while not length.is_reached(len(spent_ns), (time.perf_counter_ns() - first_ns) / 1e9):
        frame = next(frames)
        begin_ns = time.perf_counter_ns()
        sink.send(subject.process(frame))
        spent_ns.append(time.perf_counter_ns() - begin_ns)
    return spent_ns


def _result(
    case: SpeedCase,
    footage: Footage,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    spent_ns: list[int],
    cpu_ns: int,
) -> SpeedResult:
    spent_ms = np.array(spent_ns) / 1e6
    p50, p95, p99 = np.percentile(spent_ms, (50, 95, 99))
    used = used_since(before, after)
    peak = peak_memory_mib()
    input_size = after.get("input_size")
    return SpeedResult(
        subject=case.plan.name,
        effect=case.effect,
        size=case.size,
        engine=after.get("engine", ""),
        input_size=None if input_size is None else (input_size[0], input_size[1]),
        frames=len(spent_ns),
        fps=1e3 / float(spent_ms.mean()),
        cpu_ms=cpu_ns / 1e6 / len(spent_ns),
        p50_ms=float(p50),
        p95_ms=float(p95),
        p99_ms=float(p99),
        stage_ms=used["stage_ms"],
        inferred_share=used["inferred"] / used["frames"],
        peak_mib=None if peak is None else peak - footage.size_mib,
    )
