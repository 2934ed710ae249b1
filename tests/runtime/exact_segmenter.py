"""A segmenter that knows the mattes of a drawn scene exactly."""

from __future__ import annotations

from livebg.errors import ModelError
from livebg.segment.base import Segmenter, SegmenterInfo
from livebg.source.synthetic import SyntheticScene
from livebg.types import Frame, Matte, Size
from tests.mattes import plain_matte, shrunk


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

    def segment(self, frame: Frame) -> Matte:
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
