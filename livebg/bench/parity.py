"""Parity of engines: the difference of their mattes, by device and arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import cv2

from livebg.bench.speed import open_clip
from livebg.build import LEAST_SIZE, engine_of
from livebg.config.settings import Settings
from livebg.errors import LivebgError
from livebg.frame import Frame, Image
from livebg.pipeline import Pipeline

__all__ = [
    "FRAMES",
    "REFERENCE",
    "ClipParity",
    "Engine",
    "ParityCase",
    "ParityResult",
    "engines_here",
    "mean_parity",
    "measure_parity",
    "plan_parity",
]

FRAMES = 30
"""Default number of frames of each clip that are compared."""

_CARRIED_EVERY = 3
"""The network sees every so many frames, and the mattes between are carried, in a second pass."""

_LIMITS = {"f32": 2e-3, "f16": 1e-2, "bf16": 1e-2}


@dataclass(frozen=True, slots=True)
class Engine:
    """A device and the arithmetic of the network on it, as the settings name them."""

    device: str
    precision: str

    @property
    def limit(self) -> float | None:
        """Mean difference of alpha, 0..1, that it may have; None where none is promised."""
        return _LIMITS.get(self.precision)


REFERENCE = Engine("cpu", "f32")
"""All others are compared with this one: OpenVINO on the processor, in full precision."""

_OTHERS = (
    Engine("cpu", "bf16"),
    Engine("cpu", "int8"),
    Engine("openvino:GPU", "f32"),
    Engine("openvino:GPU", "f16"),
    Engine("openvino:NPU", "f16"),
    Engine("torch:cpu", "f32"),
    Engine("torch:cpu", "bf16"),
    Engine("torch:cpu", "f16"),
    Engine("cuda", "f32"),
    Engine("cuda", "f16"),
    Engine("cuda", "bf16"),
    Engine("mps", "f32"),
    Engine("mps", "f16"),
)


@dataclass(frozen=True, slots=True)
class ParityCase:
    """All engines beside ``REFERENCE`` on one clip, on so many frames of it at most."""

    settings: Settings
    engines: tuple[Engine, ...]
    clip: Path
    frames: int

    @property
    def name(self) -> str:
        """The case in words, for the progress."""
        return f"{len(self.engines)} engines on {self.clip.name}"


@dataclass(frozen=True, slots=True)
class ClipParity:
    """Differences of one engine on one clip.

    Attributes:
        inferred: mean difference of alpha, 0..1, where the network sees every frame.
        carried: the same where it sees every third, and mattes are carried to those between.
    """

    engine: Engine
    clip: str
    inferred: float
    carried: float


@dataclass(frozen=True, slots=True)
class ParityResult:
    """Means of one engine over clips, those of the worst clip, and the limit of ``inferred``."""

    engine: Engine
    limit: float | None
    inferred: float
    inferred_worst: float
    carried: float
    carried_worst: float
    clips: tuple[ClipParity, ...]


def engines_here(settings: Settings) -> tuple[Engine, ...]:
    """Return the engines that this machine has and that can run the network of ``settings``."""
    return tuple(engine for engine in _OTHERS if _is_here(engine, settings))


def plan_parity(settings: Settings, clips: Sequence[Path], frames: int | None) -> list[ParityCase]:
    """Return a case per clip, each of ``FRAMES`` frames at most where ``frames`` is None."""
    engines = engines_here(settings)
    if any(engine.device in ("cuda", "mps") for engine in engines):
        largest = max(settings.matte_size, LEAST_SIZE, key=lambda side: side[0] * side[1])
        settings = replace(settings, matte_size=largest)
    settings = replace(settings, crop=False, edge_colour=False, background="white")
    return [ParityCase(settings, engines, clip, frames or FRAMES) for clip in clips]


def measure_parity(case: ParityCase) -> list[ClipParity]:
    """Compare the engines of ``case``, frame by frame; made for ``run_isolated``."""
    inferred = _differences(case, every=1)
    carried = _differences(case, every=_CARRIED_EVERY)
    return [
        ClipParity(engine, case.clip.name, inferred[engine], carried[engine])
        for engine in case.engines
    ]


def mean_parity(clips: Sequence[Sequence[ClipParity]]) -> list[ParityResult]:
    """Return a result for each engine, which every clip has."""
    results = []
    for found in zip(*clips, strict=True):
        engine = found[0].engine
        inferred = [one.inferred for one in found]
        carried = [one.carried for one in found]
        results.append(
            ParityResult(
                engine=engine,
                limit=engine.limit,
                inferred=sum(inferred) / len(found),
                inferred_worst=max(inferred),
                carried=sum(carried) / len(found),
                carried_worst=max(carried),
                clips=found,
            )
        )
    return results


def _is_here(engine: Engine, settings: Settings) -> bool:
    from livebg.segmenters.openvino_compile import resolve_precision
    from livebg.segmenters.torch import resolve_device

    if engine.precision == "int8" and settings.model != "rvm":
        return False
    try:
        library, device = engine_of(replace(settings, device=engine.device))
        if library == "torch":
            resolve_device(device)
        else:
            resolve_precision(device, engine.precision)
    except LivebgError:
        return False
    return True


def _differences(case: ParityCase, *, every: int) -> dict[Engine, float]:
    """Return the mean difference of alpha to ``REFERENCE``'s, by engine."""
    sums = dict.fromkeys(case.engines, 0.0)
    frames = 0
    with open_clip(case.clip) as clip, ExitStack() as stack:

        def opened(engine: Engine) -> Pipeline:
            settings = replace(
                case.settings, device=engine.device, precision=engine.precision, every=every
            )
            return stack.enter_context(Pipeline(settings, clip.info.size))

        reference = opened(REFERENCE)
        chains = {engine: opened(engine) for engine in case.engines}
        for frame in islice(clip, case.frames):
            theirs = _alpha(reference, frame)
            for engine, chain in chains.items():
                sums[engine] += float(cv2.absdiff(_alpha(chain, frame), theirs).mean()) / 255
            frames += 1
    return {engine: total / frames for engine, total in sums.items()}


def _alpha(pipeline: Pipeline, frame: Frame) -> Image:
    composite = pipeline.process(frame, want_alpha=True)
    assert composite is not None  # only a live pipeline is ever late
    assert composite.alpha is not None
    return composite.alpha
