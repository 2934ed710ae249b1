"""Speed of a subject, from frames in memory to a null sink."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from itertools import count
from pathlib import Path

import numpy as np

from livebg.bench.subjects import COPY, Subject, SubjectPlan, open_subject
from livebg.clock import NS_PER_S
from livebg.compositing.backgrounds import cover
from livebg.compositing.sheets import landscape
from livebg.errors import InputError
from livebg.frame import Frame, Image, Size, size_text
from livebg.platform.process import peak_memory_mib
from livebg.sinks.base import Sink
from livebg.sinks.null import NullSink
from livebg.sinks.pictures import write_picture
from livebg.sources.base import Source
from livebg.sources.pictures import PictureFolder
from livebg.sources.video import VideoFile

__all__ = [
    "EFFECTS",
    "NAMED_SIZES",
    "Footage",
    "Length",
    "SpeedCase",
    "SpeedResult",
    "frames_that_fit",
    "load_footage",
    "measure_speed",
    "open_clip",
    "open_effects",
    "plan_speed",
    "size_name",
]

NAMED_SIZES: dict[str, Size] = {"720p": (1280, 720), "1080p": (1920, 1080), "4K": (3840, 2160)}
"""``(width, height)`` in pixels, by name."""

EFFECTS = ("picture", "blur")
"""A still picture, the cheapest background, and a blur, which costs some work on every frame."""

_PICTURE_SIZE = (1920, 1080)
_MEMORY_BYTES = 1_600_000_000
_FALLBACK_RATE = Fraction(30)
_LEAST_FRAMES = 3
_WARM_UP_S = 2.0

_WARM_UP_FRAMES = 12
"""More than the mask scheduler infers at first in any case."""


def size_name(size: Size) -> str:
    """Return the name of a size, or its sides.

    Example:
        >>> size_name((1280, 720)), size_name((640, 360))
        ('720p', '640x360')
    """
    names = (name for name, named in NAMED_SIZES.items() if named == size)
    return next(names, size_text(size))


def open_effects(names: Sequence[str], folder: Path) -> dict[str, str]:
    """Return the setting ``background`` of each effect; a picture is written to ``folder``."""
    backgrounds = {name: name for name in names}
    if "picture" in backgrounds:
        path = folder / "picture.png"
        write_picture(path, landscape(_PICTURE_SIZE))
        backgrounds["picture"] = str(path)
    return backgrounds


class Footage:
    """Pictures in memory, played forwards and backwards without end, so that there is no cut.

    Args:
        pictures: ``(H, W, 3)`` uint8 BGR, all of one size, at least one; kept, not copied.
        frame_rate: frames per second.
    """

    def __init__(self, pictures: Sequence[Image], frame_rate: Fraction) -> None:
        self._pictures = pictures
        self.frame_rate = frame_rate
        """Frames per second."""

    @property
    def size_mib(self) -> float:
        """Memory that the pictures take, in MiB."""
        return sum(picture.nbytes for picture in self._pictures) / 2**20

    def frames(self) -> Iterator[Frame]:
        """Return an endless iterator of new frames, each at its presentation time."""
        period_ns = NS_PER_S / self.frame_rate
        there_and_back = (*self._pictures, *self._pictures[-2:0:-1])
        for index in count():
            yield Frame(
                there_and_back[index % len(there_and_back)], index, round(index * period_ns)
            )


def open_clip(path: Path) -> Source:
    """Open a video file, or a folder of pictures at 30 frames per second."""
    return PictureFolder(path, _FALLBACK_RATE) if path.is_dir() else VideoFile(path)


def frames_that_fit(size: Size) -> int:
    """Return how many frames of ``size`` take 1.6 GB: 64 of 3840x2160."""
    return max(1, _MEMORY_BYTES // (size[0] * size[1] * 3))


def load_footage(path: Path, size: Size, frame_limit: int) -> Footage:
    """Read the first frames of a clip, scaled and cropped to ``size``, into memory."""
    with open_clip(path) as source:
        rate = source.info.frame_rate or _FALLBACK_RATE
        pictures = [
            cover(frame.image, size) for _, frame in zip(range(frame_limit), source, strict=False)
        ]
    if not pictures:
        raise InputError(f"{path}: there is no frame in it, name a clip that has some")
    return Footage(pictures, rate)


@dataclass(frozen=True, slots=True)
class Length:
    """Length of a measurement.

    Attributes:
        seconds: no frame is begun after this time, once three are done.
        frames: measure exactly this many frames instead, unless None.
    """

    seconds: float
    frames: int | None = None

    def is_reached(self, frames: int, seconds: float) -> bool:
        """Say whether so many frames in so many seconds are enough."""
        if self.frames is not None:
            return frames >= self.frames
        return frames >= _LEAST_FRAMES and seconds >= self.seconds


@dataclass(frozen=True, slots=True)
class SpeedCase:
    """One subject with one effect at one size.

    Attributes:
        effect: ``picture`` or ``blur``, for the report; empty for the frame copy.
        held_frames: the most frames of it that are held in memory.
    """

    plan: SubjectPlan
    effect: str
    size: Size
    clip: Path
    held_frames: int
    length: Length

    @property
    def name(self) -> str:
        """The case in words, for the progress."""
        return f"{self.plan.name}, {size_name(self.size)} {self.effect}".strip()


@dataclass(frozen=True, slots=True)
class SpeedResult:
    """Measurements of one case, without the warm-up.

    Attributes:
        engine: engine of the network; empty for the frame copy.
        cpu_ms: processor time of the whole process per frame, in milliseconds.
        inferred_share: share of the frames that went through the network, 0..1.
        peak_mib: the most resident memory, in MiB, without the clip; None where the system does
            not tell.
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
    plans: Sequence[SubjectPlan],
    *,
    sizes: Sequence[Size],
    effects: Mapping[str, str],
    clip: Path,
    length: Length,
) -> list[SpeedCase]:
    """Return a case per size, effect and subject, and a frame copy per size.

    All sizes show the same frames: those of the clip that fit into memory at the largest size.
    """
    held = min(map(frames_that_fit, sizes))
    copy = SubjectPlan(COPY, plans[-1].settings)
    cases = []
    for size in sizes:
        subjects = [
            (plan.behind(background), effect)
            for effect, background in effects.items()
            for plan in plans
        ]
        for plan, effect in (*subjects, (copy, "")):
            cases.append(SpeedCase(plan, effect, size, clip, held, length))
    return cases


def measure_speed(case: SpeedCase) -> SpeedResult:
    """Measure ``case``; made for ``run_isolated``: time and memory are those of the process."""
    footage = load_footage(case.clip, case.size, case.held_frames)
    frames = footage.frames()
    with closing(open_subject(case.plan, case.size)) as subject, NullSink() as sink:
        _warm_up(subject, frames, sink)
        subject.clear_statistics()
        cpu_ns = time.process_time_ns()
        spent_ms = np.array(_timed_frames(subject, frames, sink, case.length)) / 1e6
        cpu_ns = time.process_time_ns() - cpu_ns
        used = subject.statistics
    p50, p95, p99 = map(float, np.percentile(spent_ms, (50, 95, 99)))
    peak_mib = peak_memory_mib()
    input_size = used.get("input_size")
    return SpeedResult(
        subject=case.plan.name,
        effect=case.effect,
        size=case.size,
        engine=used.get("engine", ""),
        input_size=None if input_size is None else (input_size[0], input_size[1]),
        frames=len(spent_ms),
        fps=1e3 / float(spent_ms.mean()),
        cpu_ms=cpu_ns / 1e6 / len(spent_ms),
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        stage_ms=dict(used["stage_ms"]),
        inferred_share=used["inferred"] / used["frames"],
        peak_mib=None if peak_mib is None else peak_mib - footage.size_mib,
    )


def _process(subject: Subject, frame: Frame, sink: Sink) -> None:
    composite = subject.process(frame)
    assert composite is not None  # only a live pipeline is ever late
    sink.send(composite)


def _warm_up(subject: Subject, frames: Iterator[Frame], sink: Sink) -> None:
    begin_s = time.perf_counter()
    for _ in range(_WARM_UP_FRAMES):
        _process(subject, next(frames), sink)
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
        _process(subject, frame, sink)
        spent_ns.append(time.perf_counter_ns() - begin_ns)
    return spent_ns
