"""A drawn scene with an exactly known alpha matte."""

from __future__ import annotations

import math
from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

from livebg.clock import NS_PER_S
from livebg.errors import EndOfStreamError, SourceError
from livebg.frame import FloatImage, Frame, Image, Size
from livebg.sources.base import Source, SourceInfo

_FRAME_RATE = Fraction(30)
_OVERSAMPLING = 4
"""Shapes are drawn this much larger and averaged down: that gives their edges exact coverage."""

_SWAY_PERIOD_S = 4.0
_WAVE_PERIOD_S = 0.8
_SWAY = 0.08
"""How far the head moves to either side, as a share of the picture's height, at motion 1."""

_HAIRS = 420
_BELOW = 0.3
"""How far the layers extend below the picture, as a share of its height: the end of the drawing
must not show when the figure leans over or rises."""


class SyntheticScene(Source):
    """A person-like figure with loose hair that sways and waves in front of a furnished room.

    The same arguments give the same pixels. Every frame is
    ``alpha * figure + (1 - alpha) * room``, rounded, with the very alpha that `truth` returns.

    Args:
        size: ``(width, height)`` in pixels.
        frame_count: number of frames.
        seed: chooses the room's furniture and the hair.
        motion: how far the figure moves; 0 is a still picture, 1 a lively talker.

    Attributes:
        room: ``(H, W, 3)`` uint8 BGR, the picture behind the figure.
    """

    def __init__(
        self,
        size: Size = (640, 360),
        frame_count: int = 90,
        seed: int = 0,
        motion: float = 1.0,
    ) -> None:
        self._size = size
        self._frame_count = frame_count
        self._motion = motion
        self._next = 0
        self._closed = False
        random = np.random.default_rng(seed)
        self.room = _draw_room(size, random)
        self._body = _draw_body(size, random)
        self._arm = _draw_arm(size)

    @property
    def info(self) -> SourceInfo:
        return SourceInfo("synthetic scene", self._size, _FRAME_RATE, self._frame_count, live=False)

    def read(self) -> Frame:
        if self._closed:
            raise SourceError("the synthetic scene is closed")
        index = self._next
        if index >= self._frame_count:
            raise EndOfStreamError(f"the synthetic scene has {self._frame_count} frames")
        self._next += 1
        colour, alpha = self._figure(index)
        share = alpha[..., None].astype(np.float32) / 255
        image = np.rint(share * colour + (1 - share) * self.room).astype(np.uint8)
        return Frame(image, index, round(index * NS_PER_S / _FRAME_RATE))

    def truth(self, index: int) -> Image:
        """Return the exact alpha of frame ``index``: ``(H, W)`` uint8."""
        return self._figure(index)[1]

    def close(self) -> None:
        self._closed = True

    def _figure(self, index: int) -> tuple[FloatImage, Image]:
        """Return the figure's colour ``(H, W, 3)`` in 0..255 and its alpha ``(H, W)`` uint8."""
        time_s = float(index / _FRAME_RATE)
        sway = math.sin(math.tau * time_s / _SWAY_PERIOD_S)
        wave = math.sin(math.tau * time_s / _WAVE_PERIOD_S)
        width, height = self._size
        body = self._moved(self._body, (width / 2, height), 6 * sway, _SWAY * height * sway)
        arm = self._moved(self._arm, _elbow(self._size), 5 + 25 * wave, _SWAY * height * sway)
        # Porter and Duff (1984), "over", with premultiplied colours: the arm is in front.
        layered = arm + body * (1 - arm[..., 3:])
        alpha = np.rint(layered[..., 3] * 255).astype(np.uint8)
        colour = layered[..., :3] / np.maximum(layered[..., 3:], 1e-6)
        return np.clip(colour, 0, 255).astype(np.float32), alpha

    def _moved(
        self, layer: FloatImage, pivot: tuple[float, float], angle_deg: float, shift_px: float
    ) -> FloatImage:
        matrix = cv2.getRotationMatrix2D(pivot, self._motion * angle_deg, 1.0)
        matrix[0, 2] += self._motion * shift_px
        moved = cv2.warpAffine(layer, matrix, self._size, flags=cv2.INTER_LINEAR)
        return np.asarray(moved, np.float32)


def _elbow(size: Size) -> tuple[float, float]:
    width, height = size
    return width / 2 + 0.42 * height, 0.86 * height


def _draw_room(size: Size, random: np.random.Generator) -> Image:
    """Draw a wall with a paper pattern, a bright window, a shelf of books and some noise."""
    width, height = size
    column = np.linspace(0, 1, width, dtype=np.float32)[None, :, None]
    row = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    wall = np.array([150, 170, 180], np.float32) * (0.75 + 0.25 * column) * (1 - 0.25 * row)
    room: FloatImage = wall + 6 * np.sin(column * 60) * np.sin(row * 40)
    left, right = round(0.05 * width), round(0.25 * width)
    cv2.rectangle(room, (left, height // 10), (right, height // 2), (250, 240, 225), -1)
    cv2.line(room, (left, height * 3 // 10), (right, height * 3 // 10), (120, 120, 120), 3)
    shelf = round(0.45 * height)
    x = round(0.62 * width)
    while x < round(0.95 * width):
        thickness = int(random.integers(max(2, width // 100), max(3, width // 40)))
        top = shelf - int(random.integers(height // 8, height // 4))
        spine = tuple(float(level) for level in random.integers(20, 230, 3))
        cv2.rectangle(room, (x, top), (x + thickness - 1, shelf), spine, -1)
        x += thickness
    cv2.rectangle(
        room, (round(0.6 * width), shelf), (width, shelf + height // 40), (50, 80, 110), -1
    )
    room += random.normal(0, 3, room.shape).astype(np.float32)
    return np.asarray(np.clip(np.rint(room), 0, 255), np.uint8)


class _Brush:
    """Draws shapes of one layer at `_OVERSAMPLING` times its size; lengths in picture heights.

    The origin is the middle of the picture's bottom edge; y points up.
    """

    def __init__(self, size: Size) -> None:
        self._size = size[0], round(size[1] * (1 + _BELOW))
        width, height = (side * _OVERSAMPLING for side in self._size)
        self._unit = float(size[1] * _OVERSAMPLING)
        self._middle = width / 2
        self._canvas: NDArray[np.float32] = np.zeros((height, width, 4), np.float32)

    def ellipse(
        self, x: float, y: float, radius_x: float, radius_y: float, colour: tuple[int, int, int]
    ) -> None:
        axes = (round(radius_x * self._unit), round(radius_y * self._unit))
        cv2.ellipse(self._canvas, self._at(x, y), axes, 0, 0, 360, (*colour, 1.0), -1)

    def stroke(
        self, points: list[tuple[float, float]], width: float, colour: tuple[int, int, int]
    ) -> None:
        line = np.array([self._at(x, y) for x, y in points], np.int32)
        thickness = max(1, round(width * self._unit))
        cv2.polylines(self._canvas, [line], False, (*colour, 1.0), thickness)

    def finish(self) -> FloatImage:
        """Return the layer: float32 BGR 0..255, premultiplied by its fourth channel, alpha 0..1.

        Its shape is ``(H * (1 + _BELOW), W, 4)``.
        """
        return np.asarray(
            cv2.resize(self._canvas, self._size, interpolation=cv2.INTER_AREA), np.float32
        )

    def _at(self, x: float, y: float) -> tuple[int, int]:
        return round(self._middle + x * self._unit), round((1 - y) * self._unit)


def _draw_body(size: Size, random: np.random.Generator) -> FloatImage:
    brush = _Brush(size)
    hair, skin, shirt = (30, 45, 70), (135, 165, 215), (110, 60, 40)
    for _ in range(_HAIRS):
        angle = random.uniform(-0.25 * math.pi, 1.25 * math.pi)
        reach = random.uniform(1.1, 1.45)
        root = (0.15 * math.cos(angle), 0.64 + 0.19 * math.sin(angle))
        tip = (
            0.15 * reach * math.cos(angle) + random.normal(0, 0.015),
            0.64 + 0.19 * reach * math.sin(angle) + random.normal(0, 0.015),
        )
        brush.stroke([root, tip], 0.0015, hair)
    brush.ellipse(0, 0.65, 0.17, 0.21, hair)
    brush.ellipse(0, 0.0, 0.40, 0.38, shirt)
    brush.stroke([(0, 0), (0, -_BELOW)], 0.80, shirt)
    brush.stroke([(0, 0.35), (0, 0.50)], 0.13, skin)
    brush.ellipse(0, 0.61, 0.125, 0.17, skin)
    for side in (-1, 1):
        brush.ellipse(0.05 * side, 0.64, 0.02, 0.011, (245, 245, 245))
        brush.ellipse(0.05 * side, 0.64, 0.009, 0.009, (60, 40, 30))
    brush.stroke([(-0.04, 0.52), (0, 0.51), (0.04, 0.52)], 0.012, (80, 80, 170))
    return brush.finish()


def _draw_arm(size: Size) -> FloatImage:
    brush = _Brush(size)
    skin, shirt = (135, 165, 215), (110, 60, 40)
    brush.stroke([(0.10, -0.12), (0.42, 0.14)], 0.13, shirt)
    brush.stroke([(0.42, 0.14), (0.44, 0.36)], 0.075, skin)
    brush.ellipse(0.445, 0.40, 0.045, 0.05, skin)
    for finger in range(4):
        x = 0.41 + 0.022 * finger
        brush.stroke([(x, 0.42), (x + 0.3 * (x - 0.443), 0.49)], 0.016, skin)
    return brush.finish()
