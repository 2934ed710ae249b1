"""A scene with a secret in its background, and sources, pipelines and sinks to try it with.

The room is painted in ``MARKER``, a colour that nothing else here has: wherever it turns up, the
room was shown.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from livebg.clock import MonotonicClock
from livebg.compositing.backgrounds import Plate
from livebg.config.settings import Settings
from livebg.errors import ModelError, SinkError, SourceError
from livebg.frame import BGR, Composite, Frame, FramePyramid, Image, Matte, PixelFormat, Size
from livebg.pipeline import Pipeline
from livebg.pixels.conversion import converted
from livebg.segmenters.base import Segmenter, SegmenterInfo
from livebg.sinks.base import Sink
from livebg.sources.base import Source, SourceInfo
from tests.support.mattes import plain_matte, shrunk
from tests.support.scenes import SyntheticScene

SIZE = (64, 48)
MARKER = (255, 0, 255)
PERSON = (90, 140, 200)
PLATE = (40, 160, 40)
_PERIOD_S = 0.004
GENEROUS_S = 20.0
"""What a test waits at most for something that happens within milliseconds."""


def scene(size: Size = SIZE) -> Image:
    """A person in the middle of a room painted in ``MARKER``."""
    width, height = size
    image = np.full((height, width, 3), MARKER, np.uint8)
    image[height // 4 :, width // 4 : -width // 4] = PERSON
    return image


def shows_room(image: Image) -> bool:
    """Whether any pixel is nearer to ``MARKER`` than compositing or scaling could bring it."""
    distance = np.abs(image[..., :3].astype(np.int16) - MARKER).max(axis=2)
    return bool((distance < 60).any())


def without_room(frame: Frame) -> Image:
    """What a right pipeline makes of ``scene``."""
    image = frame.image.copy()
    image[(image == MARKER).all(axis=2)] = PLATE
    return image


class FakeCamera(Source):
    """Delivers ``scene`` every few milliseconds until it is told otherwise."""

    def __init__(self, size: Size = SIZE, *, at: Callable[[int], Image] | None = None) -> None:
        self._clock = MonotonicClock()
        self._size = size
        self._at = at or (lambda index: scene(size))
        self._index = 0
        self.closed = threading.Event()

    @property
    def info(self) -> SourceInfo:
        return SourceInfo("fake camera", self._size, Fraction(30), None, live=True)

    def read(self) -> Frame:
        if self._clock.wait(self.closed, _PERIOD_S):
            raise SourceError("closed")
        frame = Frame(self._at(self._index), self._index, self._clock.now_ns())
        self._index += 1
        return frame

    def close(self) -> None:
        self.closed.set()


class FakePipeline(Pipeline):
    """A pipeline that filters ``scene``, or does what ``respond`` does; None: late."""

    late_notice = "the network has not answered"

    def __init__(self, respond: Callable[[Frame], Image | None] = without_room) -> None:
        self.respond = respond
        self.resets = 0
        self.cleared = 0
        self.gone = threading.Event()
        self.reconfigured: list[Settings] = []

    @property
    def closed(self) -> bool:
        return self.gone.is_set()

    @property
    def statistics(self) -> Mapping[str, Any]:
        return {"frames": 4, "inferred": 3, "reasons": {"motion": 3, "carried": 1}}

    def clear_statistics(self) -> None:
        self.cleared += 1

    def process(
        self, frame: Frame, *, want_alpha: bool = False, pixel_format: PixelFormat = BGR
    ) -> Composite | None:
        image = self.respond(frame)
        if image is None:
            return None
        alpha = np.zeros(image.shape[:2], np.uint8) if want_alpha else None
        image = converted(image, BGR, pixel_format)
        return Composite(image, frame.index, frame.captured_ns, alpha, pixel_format=pixel_format)

    def reconfigure(self, settings: Settings, plate: Plate | None = None) -> None:
        self.reconfigured.append(settings)

    def reset(self) -> None:
        self.resets += 1

    def close(self) -> None:
        self.gone.set()


def processed(
    pipeline: Pipeline, frame: Frame, *, want_alpha: bool = False, pixel_format: PixelFormat = BGR
) -> Composite:
    """What a pipeline that is never late makes of ``frame``."""
    composite = pipeline.process(frame, want_alpha=want_alpha, pixel_format=pixel_format)
    assert composite is not None
    return composite


class KeepingSink(Sink):
    """Keeps a copy of every picture that it gets, and fails when told to."""

    def __init__(self, name: str = "keeper", pixel_format: PixelFormat | None = BGR) -> None:
        self.name = name
        self.pixel_format = pixel_format
        self.pictures: list[Composite] = []
        self.fail = False
        self.closed = False
        self.aborted = False
        self.readers: bool | None = None

    @property
    def has_readers(self) -> bool | None:
        return self.readers

    def send(self, composite: Composite) -> None:
        if self.fail or self.closed:
            raise SinkError(f"{self.name} is out of order")
        self.pictures.append(composite)

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.aborted = True
        self.close()

    @property
    def since_first_frame(self) -> list[Composite]:
        """The pictures from the first filtered one on."""
        start = next(n for n, picture in enumerate(self.pictures) if not picture.private)
        return self.pictures[start:]

    @property
    def filtered(self) -> list[Composite]:
        return [picture for picture in self.pictures if not picture.private]

    @property
    def cards(self) -> list[Composite]:
        return [picture for picture in self.pictures if picture.private]


class ExactSegmenter(Segmenter):
    """Gives the scene's own alpha at a small size, and writes down what happens to it.

    Args:
        scene: where the frames come from.
        size: ``(width, height)`` of the mattes.
    """

    def __init__(self, scene: SyntheticScene, size: Size = (128, 72)) -> None:
        self._scene = scene
        self._size = size
        self.seen: list[int] = []
        self.resets = 0
        self.closed = 0
        self.error: Exception | None = None
        """What the next call raises."""

    @property
    def info(self) -> SegmenterInfo:
        return SegmenterInfo("exact", "test f32", self._size, recurrent=True)

    def segment(self, pyramid: FramePyramid) -> Matte:
        frame = pyramid.frame
        if self.closed:
            raise ModelError("closed")
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        self.seen.append(frame.index)
        alpha = self._scene.truth(frame.index) / 255
        return plain_matte(shrunk(alpha, self._size), frame)

    def reset(self) -> None:
        self.resets += 1

    def close(self) -> None:
        self.closed += 1
