"""The plot of quality against processor time, drawn with OpenCV."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from livebg.compose.text import draw_text, text_size
from livebg.types import Image, Size

__all__ = ["PlotPoint", "quality_plot"]

Colour = tuple[int, int, int]
Place = tuple[int, int]
Area = tuple[int, int, int, int]
"""``(left, top, right, bottom)`` in pixels."""

_PAPER: Colour = (255, 255, 255)
_INK: Colour = (40, 36, 32)
_FAINT_INK: Colour = (120, 112, 106)
_GRID: Colour = (232, 229, 226)
_AXIS: Colour = (160, 154, 150)
_OURS: Colour = (190, 104, 24)
_BASELINE: Colour = (70, 110, 225)

_TEXT = 1 / 30
"""Height of a line of text, as a share of the plot's height."""

_DOT = 1 / 75
"""Radius of a point, as a share of the plot's height."""

_ROOM = 1.35
"""The axis of times reaches from the least divided by this; on the right, where the names are,
there is twice the room."""

_LEAST_CPU_RANGE = 8.0
"""The axis of times spans at least this factor, so that there are numbers along it."""

_SUBPIXEL_BITS = 4


@dataclass(frozen=True, slots=True)
class PlotPoint:
    """One subject.

    Attributes:
        name: what is written beside it.
        cpu_ms: processor time per frame, in milliseconds; above 0.
        mad: mean absolute error of its mattes x 1e3.
        is_baseline: whether it is something else than livebg.
    """

    name: str
    cpu_ms: float
    mad: float
    is_baseline: bool


def quality_plot(points: Sequence[PlotPoint], size: Size = (1600, 900)) -> Image:
    """Draw error against processor time, the latter on a logarithmic axis.

    Args:
        points: at least one; those of livebg are joined by a line.
        size: ``(width, height)`` in pixels.

    Returns:
        ``(H, W, 3)`` uint8 BGR, a new array.

    Example:
        >>> quality_plot([PlotPoint("fast", 4.0, 6.1, False)], (320, 180)).shape
        (180, 320, 3)
    """
    image = np.full((size[1], size[0], 3), _PAPER, np.uint8)
    axes = _Axes.around(points, size)
    _draw_axes(image, axes)
    line = np.array([axes.fine_place(point) for point in _ours(points)], np.int32)
    if len(line) > 1:
        width = max(2, size[1] // 250)
        cv2.polylines(image, [line], False, _OURS, width, cv2.LINE_AA, _SUBPIXEL_BITS)
    for point in points:
        _draw_dot(image, axes, point)
    _draw_labels(image, axes, points)
    return image


@dataclass(frozen=True, slots=True)
class _Axes:
    """Where values lie: times logarithmically from left to right, errors linearly upwards."""

    size: Size
    area: Area
    cpu_span: tuple[float, float]
    most_mad: float

    @classmethod
    def around(cls, points: Sequence[PlotPoint], size: Size) -> _Axes:
        width, height = size
        area = (
            round(0.06 * width),
            round(0.13 * height),
            width - round(0.03 * width),
            height - round(0.15 * height),
        )
        times = [point.cpu_ms for point in points]
        least_ms = min(times) / _ROOM
        most = max(point.mad for point in points)
        step = _round_step(most)
        return cls(
            size=size,
            area=area,
            cpu_span=(least_ms, max(max(times) * _ROOM**2, least_ms * _LEAST_CPU_RANGE)),
            most_mad=max(step, step * math.ceil(1.1 * most / step)),
        )

    @property
    def text_px(self) -> float:
        """Height of a line of text."""
        return self.size[1] * _TEXT

    @property
    def dot_px(self) -> int:
        """Radius of a point."""
        return max(2, round(self.size[1] * _DOT))

    def x(self, cpu_ms: float) -> float:
        least, most = map(math.log, self.cpu_span)
        left, _, right, _ = self.area
        return left + (right - left) * (math.log(cpu_ms) - least) / (most - least)

    def y(self, mad: float) -> float:
        _, top, _, bottom = self.area
        return bottom - (bottom - top) * mad / self.most_mad

    def place(self, point: PlotPoint) -> Place:
        return round(self.x(point.cpu_ms)), round(self.y(point.mad))

    def fine_place(self, point: PlotPoint) -> Place:
        """Return the place in sixteenths of a pixel, as OpenCV's ``shift`` wants it."""
        scale = 2**_SUBPIXEL_BITS
        return round(self.x(point.cpu_ms) * scale), round(self.y(point.mad) * scale)

    def cpu_ticks(self) -> Iterator[float]:
        least, most = self.cpu_span
        for power in range(math.floor(math.log10(least)), math.ceil(math.log10(most))):
            yield from (d * 10.0**power for d in (1, 2, 5) if least <= d * 10.0**power <= most)

    def mad_ticks(self) -> Iterator[float]:
        step = _round_step(self.most_mad)
        yield from (step * number for number in range(int(self.most_mad / step + 1.5)))


def _round_step(span: float) -> float:
    """Return 1, 2 or 5 times a power of ten that divides ``span`` into three to six steps.

    Example:
        >>> _round_step(5.3)
        1.0
    """
    if span <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(span))
    return next(d * power for d in (0.1, 0.2, 0.5, 1.0, 2.0) if span / (d * power) <= 6)


def _draw_axes(image: Image, axes: _Axes) -> None:
    left, top, right, bottom = axes.area
    small_px = 0.85 * axes.text_px
    for mad in axes.mad_ticks():
        y = round(axes.y(mad))
        cv2.line(image, (left, y), (right, y), _GRID if mad else _AXIS, 2)
        text = f"{mad:g}"
        text_width, text_height = text_size(text, small_px)
        at = (left - text_width - round(0.5 * axes.text_px), y + text_height // 2)
        draw_text(image, text, at, small_px, _FAINT_INK)
    for cpu_ms in axes.cpu_ticks():
        x = round(axes.x(cpu_ms))
        cv2.line(image, (x, top), (x, bottom), _GRID, 2)
        cv2.line(image, (x, bottom), (x, bottom + axes.dot_px // 2), _AXIS, 2)
        text = f"{cpu_ms:g}"
        at = (x - text_size(text, small_px)[0] // 2, bottom + round(1.5 * axes.text_px))
        draw_text(image, text, at, small_px, _FAINT_INK)
    draw_text(
        image,
        "Matte error, MAD x 1000 (lower is better)",
        (left, top - round(axes.text_px)),
        1.1 * axes.text_px,
        _INK,
        bold=True,
    )
    title = "Processor time per frame, ms, logarithmic (left is better)"
    at = (left, bottom + round(3.2 * axes.text_px))
    draw_text(image, title, at, 1.1 * axes.text_px, _INK, bold=True)


def _draw_dot(image: Image, axes: _Axes, point: PlotPoint) -> None:
    scale = 2**_SUBPIXEL_BITS
    centre, radius = axes.fine_place(point), axes.dot_px
    for reach, colour in ((1.35, _PAPER), (1.0, _colour(point))):
        size = round(reach * radius * scale)
        cv2.circle(image, centre, size, colour, -1, cv2.LINE_AA, _SUBPIXEL_BITS)


def _ours(points: Sequence[PlotPoint]) -> list[PlotPoint]:
    """Return those of livebg, the cheapest first."""
    return sorted((p for p in points if not p.is_baseline), key=lambda point: point.cpu_ms)


def _along_line(axes: _Axes, ours: Sequence[PlotPoint]) -> Iterator[Place]:
    """Yield places on the line through ``ours``, close enough for no label to fit between."""
    for one, other in pairwise(map(axes.place, ours)):
        steps = 1 + math.dist(one, other) // axes.dot_px
        for step in range(int(steps) + 1):
            share = step / steps
            yield (
                round(one[0] + share * (other[0] - one[0])),
                round(one[1] + share * (other[1] - one[1])),
            )


def _draw_labels(image: Image, axes: _Axes, points: Sequence[PlotPoint]) -> None:
    """Write each name and its numbers where they cover no point, no line and no other name."""
    reach = round(1.5 * axes.dot_px)
    taken = [(x - reach, y - reach, x + reach, y + reach) for x, y in map(axes.place, points)]
    taken += [(x, y, x + 1, y + 1) for x, y in _along_line(axes, _ours(points))]
    for number, point in enumerate(points):
        numbers = f"{point.cpu_ms:.3g} ms, MAD {point.mad:.2f}"
        widths = [text_size(point.name, axes.text_px, bold=True)[0]]
        widths.append(text_size(numbers, 0.85 * axes.text_px)[0])
        size = (max(widths), round(2.1 * axes.text_px))
        others = taken[:number] + taken[number + 1 :]
        left, top, right, bottom = _free_area(axes, point, size, others)
        taken.append((left, top, right, bottom))
        at = (left, top + round(0.85 * axes.text_px))
        draw_text(image, point.name, at, axes.text_px, _colour(point), bold=True)
        at = (left, bottom - round(0.15 * axes.text_px))
        draw_text(image, numbers, at, 0.85 * axes.text_px, _FAINT_INK)


def _free_area(axes: _Axes, point: PlotPoint, size: Size, taken: Sequence[Area]) -> Area:
    """Return the best place for a label beside ``point``: the first of eight that is free."""
    (x, y), (width, height), gap = axes.place(point), size, 2 * axes.dot_px
    corners = (
        (x + gap, y - gap // 2 - height),
        (x + gap, y + gap // 2),
        (x - width // 2, y - gap - height),
        (x - width // 2, y + gap),
        (x - gap - width, y - gap // 2 - height),
        (x - gap - width, y + gap // 2),
        (x + gap, y - height // 2),
        (x - gap - width, y - height // 2),
    )
    areas = [(left, top, left + width, top + height) for left, top in corners]
    fitting = [area for area in areas if _holds(axes.area, area)]
    free = [area for area in fitting if not any(_meet(area, other) for other in taken)]
    return (free or fitting or areas)[0]


def _holds(outer: Area, inner: Area) -> bool:
    return (
        outer[0] <= inner[0]
        and outer[1] <= inner[1]
        and inner[2] <= outer[2]
        and inner[3] <= outer[3]
    )


def _meet(one: Area, other: Area) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _colour(point: PlotPoint) -> Colour:
    return _BASELINE if point.is_baseline else _OURS
