"""What ``livebg demo`` shows: one background after another, captioned, with the camera inset."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np

from livebg.compose.compare import on_checkerboard
from livebg.compose.text import draw_text, text_size
from livebg.config.schema import Settings
from livebg.pixel_format import BGR, PixelFormat
from livebg.runtime.pipeline import Pipeline
from livebg.sink.base import Sink
from livebg.sink.repacking import repacked
from livebg.types import Composite, Frame, Image

__all__ = ["Programme", "Reel", "Scene"]

_INSET = 0.24
"""Width of the inset, as a share of the picture's."""

_INSET_FRAME = (236, 232, 228)
_INK = (255, 255, 255)
_DIMMING = 0.35
_KEPT_FRAMES = 32
"""Camera frames kept for the inset: a second's worth, the oldest composite that may be shown."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One background of the demo.

    Attributes:
        background: its specification, as for ``--background``.
        caption: what is written into the picture.
    """

    background: str
    caption: str


class Programme:
    """A pipeline that goes through scenes by the index of the frame.

    Args:
        pipeline: what filters; closed with the programme.
        settings: what the pipeline was built from.
        scenes: the backgrounds in turn.
        scene_frames: frames of each.
    """

    def __init__(
        self, pipeline: Pipeline, settings: Settings, scenes: Sequence[Scene], scene_frames: int
    ) -> None:
        self.stills: dict[str, Image] = {}
        """By caption, a composite from the middle of each scene; ``""`` is the camera's frame."""
        self._pipeline = pipeline
        self._settings = settings
        self.scene_frames = scene_frames
        """Frames of each scene."""
        self._scenes = scenes
        self._scene: Scene | None = None
        self._frames: deque[Frame] = deque(maxlen=_KEPT_FRAMES)

    def scene_at(self, index: int) -> Scene:
        """Return the scene of the frame ``index``."""
        return self._scenes[min(index // self.scene_frames, len(self._scenes) - 1)]

    def frame_at(self, index: int) -> Frame | None:
        """Return the camera's frame ``index`` if it is a recent one. For any thread."""
        return next((frame for frame in tuple(self._frames) if frame.index == index), None)

    @property
    def statistics(self) -> Mapping[str, Any]:
        """What the pipeline did."""
        return self._pipeline.statistics

    def clear_statistics(self) -> None:
        """Count from zero again."""
        self._pipeline.clear_statistics()

    def process(
        self, frame: Frame, *, want_alpha: bool = False, pixel_format: PixelFormat = BGR
    ) -> Composite:
        """Return ``frame`` filtered as its scene says."""
        scene = self.scene_at(frame.index)
        if scene is not self._scene:
            self._pipeline.reconfigure(replace(self._settings, background=scene.background))
            self._scene = scene
        composite = self._pipeline.process(frame, want_alpha=want_alpha, pixel_format=pixel_format)
        self._frames.append(frame)
        if scene.caption not in self.stills and self._is_past_the_middle(frame.index):
            self.stills.setdefault("", frame.image)
            self.stills[scene.caption] = repacked(composite, BGR)
        return composite

    def prepare(self, settings: Settings) -> None:
        """Do nothing ahead: the scenes choose the backgrounds."""

    def reconfigure(self, settings: Settings) -> None:
        """Take over everything but the background, which the scenes choose."""
        self._settings = settings
        self._scene = None

    def reset(self) -> None:
        """Forget all earlier frames."""
        self._pipeline.reset()

    def close(self) -> None:
        """Close the pipeline."""
        self._pipeline.close()

    def _is_past_the_middle(self, index: int) -> bool:
        return index % self.scene_frames >= self.scene_frames // 2


class Reel(Sink):
    """Writes the scene's caption and the camera's own picture into what another sink gets.

    Args:
        sink: what is fed; closed with the reel.
        programme: knows the scenes and the camera's frames.
    """

    def __init__(self, sink: Sink, programme: Programme) -> None:
        self.name = sink.name
        self._sink = sink
        self._programme = programme

    def send(self, composite: Composite) -> None:
        """Send a captioned copy of ``composite``; privacy cards go as they are.

        Raises:
            SinkError: the sink cannot take it.
        """
        if not composite.private:
            composite = replace(composite, image=self._annotated(composite), alpha=None)
        self._sink.send(composite)

    def close(self) -> None:
        """Close the sink."""
        self._sink.close()

    def abort(self) -> None:
        """Abort the sink."""
        self._sink.abort()

    def _annotated(self, composite: Composite) -> Image:
        image = repacked(composite, BGR)
        image = on_checkerboard(image) if image.shape[2] == 4 else image.copy()
        frame = self._programme.frame_at(composite.index)
        if frame is not None:
            _draw_inset(image, frame.image)
        _draw_caption(image, self._programme.scene_at(composite.index).caption)
        return image


def _draw_inset(image: Image, camera: Image) -> None:
    """Draw the camera's picture small into the upper left corner of ``image``, in place."""
    height, width = image.shape[:2]
    inset = (round(width * _INSET), round(height * _INSET))
    margin = round(height / 24)
    small = cv2.resize(camera, inset, interpolation=cv2.INTER_AREA)
    small = cv2.copyMakeBorder(small, 2, 2, 2, 2, cv2.BORDER_CONSTANT, value=_INSET_FRAME)
    image[margin : margin + small.shape[0], margin : margin + small.shape[1]] = small
    draw_text(
        image[margin:], "camera", (margin + 8, small.shape[0] - 8), height / 26, _INK, bold=True
    )


def _draw_caption(image: Image, caption: str) -> None:
    """Write ``caption`` on a darkened strip along the foot of ``image``, in place."""
    height, width = image.shape[:2]
    line_px = height / 20
    line_px *= min(1.0, 0.92 * width / text_size(caption, line_px)[0])
    strip = image[height - round(2.0 * line_px) :]
    strip[:] = (strip * _DIMMING).astype(np.uint8)
    draw_text(image, caption, (round(height / 24), height - round(0.62 * line_px)), line_px, _INK)
