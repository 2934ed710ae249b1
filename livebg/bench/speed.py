"""The sizes of frames that have a name.

The backgrounds that are measured.

A clip held in memory at one size, so that measuring it measures neither a decoder nor a disk.

What is measured: a preset's pipeline, or a baseline that stands beside it.

How fast a subject is, from memory to a null sink.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from livebg.clock import NS_PER_S
from livebg.compositing.backgrounds import cover
from livebg.config.settings import Settings
from livebg.errors import InputError
from livebg.frame import Composite, Frame, Image, Size, size_text
from livebg.platform.process import peak_memory_mib
from livebg.sinks.base import Sink
from livebg.sinks.null import NullSink
from livebg.sources.base import Source
from livebg.sources.pictures import PictureFolder
from livebg.sources.video import VideoFile

__all__ = [
    "COPY",
    "EFFECTS",
    "NAMED_SIZES",
    "RECIPE",
    "Footage",
    "Length",
    "SpeedCase",
    "SpeedResult",
    "Subject",
    "SubjectPlan",
    "frames_that_fit",
    "load_footage",
    "measure_speed",
    "open_clip",
    "open_effects",
    "open_subject",
    "plan_speed",
    "size_name",
    "used_since",
]


NAMED_SIZES: dict[str, Size] = {"720p": (1280, 720), "1080p": (1920, 1080), "4K": (3840, 2160)}
"""``(width, height)`` in pixels, by name."""


def size_name(size: Size) -> str:
    """Return the name of a size, or its sides.

    Example:
        >>> size_name((1280, 720)), size_name((640, 360))
        ('720p', '640x360')
    """
    names = (name for name, named in NAMED_SIZES.items() if named == size)
    return next(names, size_text(size))


EFFECTS = ("picture", "blur")
"""A still picture, the cheapest background, and a blur, which costs some work on every frame."""

_PICTURE_SIZE = (1920, 1080)


def open_effects(names: Sequence[str], folder: Path) -> dict[str, str]:
    """Return the setting ``background`` of each effect, by name.

    Args:
        names: of ``EFFECTS``.
        folder: where a picture is drawn into; it must stay while the effects are used.

    Raises:
        SinkError: the picture cannot be written.
    """
    from livebg.compositing.sheets import landscape
    from livebg.sinks.pictures import write_picture

    backgrounds = {}
    for name in names:
        if name == "picture":
            path = folder / "picture.png"
            write_picture(path, landscape(_PICTURE_SIZE))
            backgrounds[name] = str(path)
        else:
            backgrounds[name] = name
    return backgrounds


_MEMORY_BYTES = 1_600_000_000
_FALLBACK_RATE = Fraction(30)


class Footage:
    """Pictures that are played forwards and backwards without end, so that there is never a cut.

    Args:
        pictures: ``(H, W, 3)`` uint8 BGR, all of one size, at least one; kept, not copied.
        frame_rate: frames per second.

    Example:
        >>> import numpy as np
        >>> pictures = [np.full((2, 2, 3), level, np.uint8) for level in (0, 1, 2)]
        >>> frames = Footage(pictures, Fraction(30)).frames()
        >>> [int(next(frames).image[0, 0, 0]) for _ in range(6)]
        [0, 1, 2, 1, 0, 1]
    """

    def __init__(self, pictures: Sequence[Image], frame_rate: Fraction) -> None:
        self._pictures = pictures
        self._there_and_back = (*pictures, *pictures[-2:0:-1])
        self.frame_rate = frame_rate
        """Frames per second."""

    @property
    def size_mib(self) -> float:
        """Memory that the pictures take, in MiB."""
        return sum(picture.nbytes for picture in self._pictures) / 2**20

    def frames(self) -> Iterator[Frame]:
        """Return an endless iterator of new frames, each at its presentation time."""
        period_ns = NS_PER_S / self.frame_rate
        for index in count():
            picture = self._there_and_back[index % len(self._there_and_back)]
            yield Frame(picture, index, round(index * period_ns))


def open_clip(path: Path) -> Source:
    """Open a video file, or a folder of pictures at 30 frames per second.

    Raises:
        InputError: it is missing or cannot be read.
    """
    return PictureFolder(path, _FALLBACK_RATE) if path.is_dir() else VideoFile(path)


def frames_that_fit(size: Size) -> int:
    """Return how many frames of ``size`` take 1.6 GB: 64 of 3840x2160."""
    return max(1, _MEMORY_BYTES // (size[0] * size[1] * 3))


def load_footage(path: Path, size: Size, frame_limit: int) -> Footage:
    """Read the beginning of a clip into memory.

    Args:
        path: a video file, or a folder of pictures.
        size: ``(width, height)`` that each frame is scaled and cropped to.
        frame_limit: the most frames to hold.

    Raises:
        InputError: the clip is missing, cannot be read, or has no frame.
    """
    pictures = []
    with open_clip(path) as source:
        rate = source.info.frame_rate or _FALLBACK_RATE
        for frame in source:
            pictures.append(cover(frame.image, size))
            if len(pictures) == frame_limit:
                break
    if not pictures:
        raise InputError(f"{path}: there is no frame in it, name a clip that has some")
    return Footage(pictures, rate)


RECIPE = "float recipe"
"""The baseline that livebg is to beat: ``livebg.bench.baselines.FloatRecipe``."""

COPY = "frame copy"
"""The floor, which nothing can beat: ``livebg.bench.baselines.FrameCopy``."""


class Subject(Protocol):
    """What ``livebg.pipeline.Pipeline`` and the baselines have in common."""

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
        LivebgError: as ``livebg.pipeline.Pipeline``.
    """
    if plan.is_baseline:
        from livebg.bench.baselines import FloatRecipe, FrameCopy

        return FrameCopy() if plan.name == COPY else FloatRecipe(plan.settings, size)
    from livebg.pipeline import Pipeline

    return Pipeline(plan.settings, size)


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
