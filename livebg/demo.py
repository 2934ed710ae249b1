"""The demo: one background after another, captioned, with the camera's picture inset."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from livebg.clock import MonotonicClock
from livebg.compositing.sheets import contact_sheet, on_checkerboard
from livebg.compositing.text import draw_text, text_size
from livebg.config.settings import Settings
from livebg.frame import BGR, Composite, Frame, Image, PixelFormat, Size
from livebg.live.warmup import build_warmed_up
from livebg.pipeline import Pipeline
from livebg.sinks.base import Sink, repacked
from livebg.sources.base import Excerpt, Source
from livebg.sources.paced import PacedVideo
from livebg.sources.video import VideoFile

__all__ = ["Programme", "Reel"]

_INSET = 0.24
"""Width of the inset, as a share of the picture's."""

_INSET_FRAME = (236, 232, 228)
_INK = (255, 255, 255)
_DIMMING = 0.35

_RECENT_FRAMES = 32
"""Camera frames kept for the inset: a second's worth, the oldest composite that may be shown."""

_SHEET_PICTURE = (480, 270)


class Programme:
    """The scenes of a demo, each shown for a number of frames of the camera."""

    def __init__(self, backgrounds: Sequence[str], scene_frames: int) -> None:
        self.stills: dict[str, Image] = {}
        """By caption, a composite from the middle of each scene; ``camera`` is the camera's."""
        self._backgrounds = backgrounds
        self._scene_frames = scene_frames
        self._recent: deque[Frame] = deque(maxlen=_RECENT_FRAMES)

    def background_at(self, index: int) -> str:
        """Return the background of the frame ``index``."""
        scene = min(index // self._scene_frames, len(self._backgrounds) - 1)
        return self._backgrounds[scene]

    def caption_at(self, index: int) -> str:
        """Return what is written into the picture of the frame ``index``."""
        background = self.background_at(index)
        return f"--background {Path(background).name}"

    def frame_at(self, index: int) -> Frame | None:
        """Return the camera's frame ``index`` if it is a recent one. For any thread."""
        recent = reversed(tuple(self._recent))
        return next((frame for frame in recent if frame.index == index), None)

    def record(self, frame: Frame, composite: Composite) -> None:
        """Keep a frame for the inset, and a composite of each scene for the contact sheet."""
        self._recent.append(frame)
        caption = self.caption_at(frame.index)
        past_middle = frame.index % self._scene_frames >= self._scene_frames // 2
        if past_middle and caption not in self.stills:
            self.stills.setdefault("camera", frame.image)
            self.stills[caption] = repacked(composite, BGR)

    def open_source(self, clip: Path) -> Source:
        """Open a video that plays each scene's frames from the beginning of ``clip``."""

        def scene() -> Source:
            return Excerpt(VideoFile(clip), self._scene_frames)

        paced = PacedVideo(scene, MonotonicClock(), loop=True)
        return Excerpt(paced, len(self._backgrounds) * self._scene_frames)

    def build(self, settings: Settings, size: Size) -> Pipeline:
        """Build the pipeline that changes the background with each scene."""
        return build_warmed_up(settings, size, make=partial(_ScenePipeline, self))

    def sheet(self) -> Image | None:
        """Return the contact sheet; None before any scene was shown."""
        if not self.stills:
            return None
        return contact_sheet(
            list(self.stills.items()),
            columns=4,
            picture_size=_SHEET_PICTURE,
            title="livebg: one camera, seven backgrounds",
        )


class _ScenePipeline(Pipeline):
    """A pipeline that changes its background by the index of the frame."""

    def __init__(
        self, programme: Programme, settings: Settings, size: Size, *, live: bool = False
    ) -> None:
        super().__init__(settings, size, live=live)
        self._programme = programme

    def process(
        self, frame: Frame, *, want_alpha: bool = False, pixel_format: PixelFormat = BGR
    ) -> Composite | None:
        settings = replace(self._settings, background=self._programme.background_at(frame.index))
        if settings != self._settings:
            self.reconfigure(settings)
        composite = super().process(frame, want_alpha=want_alpha, pixel_format=pixel_format)
        if composite is not None:
            self._programme.record(frame, composite)
        return composite


class Reel(Sink):
    """Writes the scene's caption and the camera's own picture into what its sink gets."""

    def __init__(self, name: str, sink: Sink, programme: Programme) -> None:
        self.name = name
        self.card_policy = sink.card_policy
        self.in_main_thread = sink.in_main_thread
        self.close_within_s = sink.close_within_s
        self._sink = sink
        self._programme = programme

    def send(self, composite: Composite) -> None:
        """Send a captioned copy of ``composite``; privacy cards go as they are."""
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
        _draw_caption(image, self._programme.caption_at(composite.index))
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
