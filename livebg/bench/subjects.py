"""Subjects of measurements: a preset's pipeline, and the baselines beside it.

Machines differ, so both baselines are measured in the same run. They are written as plainly as a
first version of such a program would be.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from livebg.cache import cache_folder
from livebg.compositing.backgrounds import cover
from livebg.config.background import Background, Picture
from livebg.config.settings import Settings
from livebg.frame import Composite, FloatImage, Frame, Image, Size
from livebg.live.warmup import build_warmed_up
from livebg.models.catalog import find
from livebg.models.rvm_graph import state_shapes
from livebg.models.weights import ensure_weights
from livebg.pipeline import Pipeline
from livebg.segmenters.openvino_compile import (
    compile_graph,
    openvino_core,
    resolve_precision,
)
from livebg.sources.pictures import read_picture

__all__ = [
    "COPY",
    "RECIPE",
    "FloatRecipe",
    "FrameCopy",
    "Subject",
    "SubjectPlan",
    "fill_caches",
    "open_subject",
]

RECIPE = "float recipe"
"""Name of the baseline to beat: ``FloatRecipe``."""

COPY = "frame copy"
"""Name of the lower bound: ``FrameCopy``."""

_COARSE_WIDTH = 480
"""Width that RVM's own documentation scales wide frames to: 0.375 of 1280, 0.25 of 1920 pixels."""

_BLUR_SHARE = 0.033
"""Sigma as a share of the frame's height: as strong as livebg's plain ``blur``."""


class Subject(Protocol):
    """The methods of ``livebg.pipeline.Pipeline`` that the baselines have too."""

    @property
    def statistics(self) -> Mapping[str, Any]:
        """Counts and times, as in ``Pipeline.statistics``."""

    def clear_statistics(self) -> None:
        """Count and measure from zero again."""

    def process(self, frame: Frame) -> Composite | None:
        """Return ``frame`` filtered; None only from a live pipeline that is late."""

    def matte(self, frame: Frame) -> Any:
        """Return the matte of the next frame, in the form that ``compose`` takes."""

    def compose(self, frame: Frame, matte: Any, *, want_alpha: bool = False) -> Composite:
        """Return ``frame`` composed with its own ``matte``."""

    def reset(self) -> None:
        """Forget all earlier frames."""

    def close(self) -> None:
        """Release everything. Idempotent."""


@dataclass(frozen=True, slots=True)
class SubjectPlan:
    """A subject that is not opened yet.

    Attributes:
        name: of the preset, or ``RECIPE`` or ``COPY``.
        settings: its settings; a baseline uses the background, the precision and the threads.
    """

    name: str
    settings: Settings

    def behind(self, background: str) -> SubjectPlan:
        """Return the plan with another ``background``."""
        return replace(self, settings=replace(self.settings, background=background))


def open_subject(plan: SubjectPlan, size: Size) -> Subject:
    """Open the subject of ``plan`` for frames of ``(width, height)``."""
    if plan.name == COPY:
        return FrameCopy()
    if plan.name == RECIPE:
        return FloatRecipe(plan.settings, size)
    return Pipeline(plan.settings, size)


def fill_caches(plans: Sequence[SubjectPlan], size: Size) -> None:
    """Build every pipeline once, so that no measurement compiles what is kept on disk."""
    for plan in plans:
        build_warmed_up(plan.settings, size).close()


class FloatRecipe:
    """The recipe to beat: the network on every frame, then numpy blending in float32 at full size.

    The network is Robust Video Matting as released, full-resolution refiner included (Lin et al.
    2021).

    Args:
        settings: gives the background (a blur or a picture), the precision and the threads.
        size: ``(width, height)`` of the frames.
    """

    def __init__(self, settings: Settings, size: Size) -> None:
        from openvino import opset13 as ops

        self._plate = _open_plate(settings.background, size)
        scale = min(1.0, _COARSE_WIDTH / size[0])
        self._input_size = (int(size[0] * scale), int(size[1] * scale))
        self._precision = resolve_precision("CPU", settings.precision)
        weights = ensure_weights(find("rvm"), suffix=".onnx")
        graph = openvino_core().read_model(str(weights))
        ratio = next(p for p in graph.get_parameters() if "downsample" in p.get_friendly_name())
        ratio.output(0).replace(ops.constant(np.array([scale], np.float32)).output(0))
        graph.remove_parameter(ratio)
        self._shapes = {
            f"r{number}i": shape for number, shape in enumerate(state_shapes(self._input_size), 1)
        }
        graph.reshape({"src": [1, 3, size[1], size[0]], **self._shapes})
        compiled = compile_graph(
            graph,
            device="CPU",
            precision=self._precision,
            threads=settings.threads,
            cache_folder=cache_folder() / "openvino",
        )
        self._request = compiled.create_infer_request()
        self._states: dict[str, NDArray[np.float32]] = {}
        self.reset()
        self.clear_statistics()

    @property
    def statistics(self) -> Mapping[str, Any]:
        """As ``Pipeline.statistics``."""
        frames = self._frames
        return {
            "model": "rvm as released",
            "engine": f"openvino CPU {self._precision}",
            "input_size": list(self._input_size),
            "frames": frames,
            "inferred": frames,
            "stage_ms": {stage: ns / 1e6 / max(1, frames) for stage, ns in self._stage_ns.items()},
        }

    def clear_statistics(self) -> None:
        """Count and measure from zero again."""
        self._frames = 0
        self._stage_ns = {"segment": 0, "compose": 0}

    def process(self, frame: Frame) -> Composite:
        """Return ``frame`` filtered."""
        return self.compose(frame, self.matte(frame))

    def matte(self, frame: Frame) -> FloatImage:
        """Return the alpha of the next frame, ``(H, W)`` float32 in 0..1."""
        self._frames += 1
        with self._timed("segment"):
            rgb = cv2.cvtColor(frame.image, cv2.COLOR_BGR2RGB)
            source = np.ascontiguousarray(rgb.transpose(2, 0, 1)[None].astype(np.float32) / 255)
            outputs = self._request.infer({"src": source, **self._states})
            self._states = {name: outputs[name.replace("i", "o")].copy() for name in self._shapes}
            return np.array(outputs["pha"][0, 0], np.float32)

    def compose(self, frame: Frame, matte: FloatImage, *, want_alpha: bool = False) -> Composite:
        """Return ``frame * alpha + plate * (1 - alpha)``, every product in float32."""
        with self._timed("compose"):
            plate = _blurred(frame.image) if self._plate is None else self._plate
            alpha = matte[..., None]
            blended = frame.image.astype(np.float32) * alpha + plate * (1 - alpha)
            image = blended.astype(np.uint8)
        full = np.rint(matte * 255).astype(np.uint8) if want_alpha else None
        return Composite(image, frame.index, frame.captured_ns, full)

    def reset(self) -> None:
        """Set the recurrent state to zero."""
        self._states = {name: np.zeros(shape, np.float32) for name, shape in self._shapes.items()}

    def close(self) -> None:
        """Do nothing: Python releases everything itself."""

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        began_ns = time.perf_counter_ns()
        yield
        self._stage_ns[stage] += time.perf_counter_ns() - began_ns


class FrameCopy:
    """The lower bound: each frame is copied into new memory, and nothing else is done."""

    def __init__(self) -> None:
        self._frames = 0

    @property
    def statistics(self) -> Mapping[str, Any]:
        """As ``Pipeline.statistics``, without a network and without stages."""
        return {"frames": self._frames, "inferred": 0, "stage_ms": {}}

    def clear_statistics(self) -> None:
        """Count from zero again."""
        self._frames = 0

    def process(self, frame: Frame) -> Composite:
        """Return a copy of ``frame``."""
        self.matte(frame)
        return self.compose(frame, None)

    def matte(self, frame: Frame) -> None:
        """Count the frame; there is no matte."""
        self._frames += 1

    def compose(self, frame: Frame, matte: None, *, want_alpha: bool = False) -> Composite:
        """Return a copy of ``frame``."""
        if want_alpha:
            raise ValueError("a copy of a frame has no matte")
        return Composite(frame.image.copy(), frame.index, frame.captured_ns)

    def reset(self) -> None:
        """Do nothing: no frame is remembered."""

    def close(self) -> None:
        """Do nothing: nothing is held."""


def _open_plate(background: Background, size: Size) -> FloatImage | None:
    """Return the picture as ``(H, W, 3)`` float32, or None for a blur of each frame."""
    if not isinstance(background, Picture):
        return None
    return cover(read_picture(background.path), size).astype(np.float32)


def _blurred(image: Image) -> FloatImage:
    """Return the whole frame blurred at full size, the person included."""
    sigma_px = _BLUR_SHARE * min(image.shape[:2])
    return cv2.GaussianBlur(image, (0, 0), sigma_px).astype(np.float32)
