"""Where names are written in a plot: over no point, no line and no other name.

Where values lie in the plot of quality against processor time.

The plot of quality against processor time, as an SVG picture.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from livebg.frame import Size

__all__ = ["Area", "Label", "Place", "PlotAxes", "PlotPoint", "place_labels", "quality_plot"]


@dataclass(frozen=True, slots=True)
class Label:
    """A text that belongs to a point.

    Attributes:
        place: the point.
        size: ``(width, height)`` of the text.
    """

    place: Place
    size: Size


def place_labels(
    labels: Sequence[Label], area: Area, way: Sequence[Place], dot: float
) -> list[Area]:
    """Return the area that each label takes.

    Args:
        labels: in the order in which they may choose.
        area: what they shall stay within.
        way: the line through some of the points.
        dot: radius of a point.
    """
    reach = 1.5 * dot
    dots = [(x - reach, y - reach, x + reach, y + reach) for x, y in (n.place for n in labels)]
    taken = [*dots, *((x, y, x + 1, y + 1) for x, y in _along(way, dot))]
    areas = []
    for number, label in enumerate(labels):
        found = _free_area(label, area, dot, taken[:number] + taken[number + 1 :])
        taken.append(found)
        areas.append(found)
    return areas


def _along(way: Sequence[Place], dot: float) -> Iterator[Place]:
    """Yield places on a line, close enough for no label to fit between."""
    for (x, y), (next_x, next_y) in pairwise(way):
        steps = 1 + int(math.dist((x, y), (next_x, next_y)) // dot)
        for share in (step / steps for step in range(steps + 1)):
            yield x + share * (next_x - x), y + share * (next_y - y)


def _free_area(label: Label, area: Area, dot: float, taken: Sequence[Area]) -> Area:
    """Return the best place beside the point: the first of eight that is free."""
    (x, y), (width, height), gap = label.place, label.size, 2 * dot
    corners = (
        (x + gap, y - gap / 2 - height),
        (x + gap, y + gap / 2),
        (x - width / 2, y - gap - height),
        (x - width / 2, y + gap),
        (x - gap - width, y - gap / 2 - height),
        (x - gap - width, y + gap / 2),
        (x + gap, y - height / 2),
        (x - gap - width, y - height / 2),
    )
    areas = [(left, top, left + width, top + height) for left, top in corners]
    fitting = [found for found in areas if _holds(area, found)]
    free = [found for found in fitting if not any(_meet(found, other) for other in taken)]
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


Place = tuple[float, float]
"""``(x, y)`` in the picture's units."""

Area = tuple[float, float, float, float]
"""``(left, top, right, bottom)``, likewise."""

_SIZE = (880, 470)
_AREA = (64.0, 76.0, 848.0, 378.0)

_ROOM = 1.35
"""The axis of times reaches from the least divided by this; on the right, where the names are,
there is twice the room."""

_LEAST_RANGE = 8.0
"""The axis of times spans at least this factor, so that there are numbers along it."""


@dataclass(frozen=True, slots=True)
class PlotAxes:
    """Times lie logarithmically from left to right, errors linearly upwards from 0.

    Attributes:
        cpu_span: least and most time, in milliseconds.
        most_mad: the largest error.
        size: ``(width, height)`` of the picture.
        area: what the axes span of it.
    """

    cpu_span: tuple[float, float]
    most_mad: float
    size: Size = _SIZE
    area: Area = _AREA

    @classmethod
    def around(cls, times_ms: Sequence[float], mads: Sequence[float]) -> PlotAxes:
        """Return axes that hold all these values, and the names beside them."""
        least_ms, most_ms = min(times_ms) / _ROOM, max(times_ms) * _ROOM**2
        stretch = max(1.0, math.sqrt(_LEAST_RANGE * least_ms / most_ms))
        return cls((least_ms / stretch, most_ms * stretch), 1.2 * max(mads) or 1.0)

    def x(self, cpu_ms: float) -> float:
        """Return where a time lies."""
        least, most = map(math.log, self.cpu_span)
        left, _, right, _ = self.area
        return round(left + (right - left) * (math.log(cpu_ms) - least) / (most - least), 1)

    def y(self, mad: float) -> float:
        """Return where an error lies."""
        _, top, _, bottom = self.area
        return round(bottom - (bottom - top) * mad / self.most_mad, 1)

    def place(self, cpu_ms: float, mad: float) -> Place:
        """Return where a point lies."""
        return self.x(cpu_ms), self.y(mad)

    def cpu_ticks(self) -> Iterator[float]:
        """Yield round times along the axis."""
        least, most = self.cpu_span
        for power in range(math.floor(math.log10(least)), math.ceil(math.log10(most))):
            yield from (d * 10.0**power for d in (1, 2, 5) if least <= d * 10.0**power <= most)

    def mad_ticks(self) -> Iterator[float]:
        """Yield 0 and round errors up the axis."""
        step = _round_step(self.most_mad)
        yield from (step * number for number in range(int(self.most_mad / step + 1e-9) + 1))


def _round_step(span: float) -> float:
    """Return 1, 2 or 5 times a power of ten that divides ``span`` into three to six steps.

    Example:
        >>> _round_step(5.3)
        1.0
    """
    power = 10.0 ** math.floor(math.log10(span))
    return next(d * power for d in (0.1, 0.2, 0.5, 1.0, 2.0) if span / (d * power) <= 6)


_DOT = 7
_NAME = 17
_SMALL = 13
"""Radius of a point, and sizes of the texts, in the picture's units."""

_STYLE = """
  svg { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans",
    Helvetica, Arial, sans-serif; }
  .paper { fill: #ffffff; stroke: #d9dee5; }
  .grid { stroke: #e9edf1; }
  .axis { stroke: #b4bcc6; }
  .faint { fill: #66707c; }
  .ink { fill: #1f2630; }
  .ours { fill: #0b67c2; }
  .other { fill: #d1502f; }
  .line { fill: none; stroke: #0b67c2; stroke-opacity: 0.45; stroke-width: 3; }
  .dot { stroke: #ffffff; stroke-width: 2.5; }
  text { font-variant-numeric: tabular-nums; }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #12171d; stroke: #2c343d; }
    .grid { stroke: #232a32; }
    .axis { stroke: #4c5763; }
    .faint { fill: #98a3b0; }
    .ink { fill: #e8edf2; }
    .ours { fill: #58abf7; }
    .other { fill: #f48667; }
    .line { stroke: #58abf7; }
    .dot { stroke: #12171d; }
  }
"""


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

    @property
    def numbers(self) -> str:
        """What is written below the name."""
        return f"{self.cpu_ms:.3g} ms, error {self.mad:.2f}"


def quality_plot(points: Sequence[PlotPoint]) -> str:
    """Draw error against processor time, the latter on a logarithmic axis.

    Args:
        points: at least one; those of livebg are joined by a line.

    Returns:
        An SVG document, light or dark as the reader's system is.

    Example:
        >>> quality_plot([PlotPoint("fast", 4.0, 6.1, False)]).startswith("<svg")
        True
    """
    axes = PlotAxes.around([point.cpu_ms for point in points], [point.mad for point in points])
    width, height = axes.size
    told = "; ".join(f"{point.name}: {point.numbers}" for point in points)
    ours = sorted((p for p in points if not p.is_baseline), key=lambda point: point.cpu_ms)
    way = [axes.place(point.cpu_ms, point.mad) for point in ours]
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img">',
        "<title>Error of the matte against processor time per frame</title>",
        f"<desc>{escape(told)}</desc>",
        f"<style>{_STYLE}</style>",
        f'<rect class="paper" x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="10"/>',
        *_axes(axes),
    ]
    if len(way) > 1:
        lines.append(f'<polyline class="line" points="{" ".join(f"{x},{y}" for x, y in way)}"/>')
    for point in points:
        x, y = axes.place(point.cpu_ms, point.mad)
        lines.append(f'<circle class="dot {_kind(point)}" cx="{x}" cy="{y}" r="{_DOT}"/>')
    labels = [
        Label(axes.place(p.cpu_ms, p.mad), _size((p.name, _NAME), (p.numbers, _SMALL)))
        for p in points
    ]
    for point, area in zip(points, place_labels(labels, axes.area, way, _DOT), strict=True):
        lines += _label(point, area, axes.x(point.cpu_ms))
    return "\n".join([*lines, "</svg>", ""])


def _axes(axes: PlotAxes) -> Iterator[str]:
    left, top, right, bottom = axes.area
    for mad in axes.mad_ticks():
        y = axes.y(mad)
        kind = "grid" if mad else "axis"
        yield f'<line class="{kind}" x1="{left}" y1="{y}" x2="{right}" y2="{y}"/>'
        yield _text(left - 10, y + 0.35 * _SMALL, _SMALL, "faint", f"{mad:g}", anchor="end")
    for cpu_ms in axes.cpu_ticks():
        x = axes.x(cpu_ms)
        yield f'<line class="grid" x1="{x}" y1="{top}" x2="{x}" y2="{bottom}"/>'
        yield f'<line class="axis" x1="{x}" y1="{bottom}" x2="{x}" y2="{bottom + 5}"/>'
        number = f"{cpu_ms:g}"
        yield _text(x, bottom + 9 + _SMALL, _SMALL, "faint", number, anchor="middle")
    yield _text(left, top - 34, _NAME, "ink", "Error of the matte", bold=True)
    explained = "mean absolute error \N{MULTIPLICATION SIGN} 1000, lower is better"
    yield _text(left, top - 14, _SMALL, "faint", explained)
    yield _text(
        right, bottom + 42, _NAME, "ink", "Processor time per frame", bold=True, anchor="end"
    )
    explained = "milliseconds on a logarithmic scale, further left is better"
    yield _text(right, bottom + 62, _SMALL, "faint", explained, anchor="end")


def _label(point: PlotPoint, area: Area, point_x: float) -> Iterator[str]:
    """Yield a name and its numbers, which lean towards the point."""
    left, top, right, _ = area
    x, anchor = (left, "start") if left > point_x else (right, "end")
    if left <= point_x <= right:
        x, anchor = point_x, "middle"
    below = top + 1.25 * _NAME
    yield _text(x, top + 0.8 * _NAME, _NAME, _kind(point), point.name, bold=True, anchor=anchor)
    yield _text(x, below + 0.7 * _SMALL, _SMALL, "faint", point.numbers, anchor=anchor)


def _text(
    x: float,
    y: float,
    size: int,
    kind: str,
    text: str,
    *,
    bold: bool = False,
    anchor: str = "start",
) -> str:
    weight = ' font-weight="600"' if bold else ""
    where = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return (
        f'<text class="{kind}" x="{round(x, 1)}" y="{round(y, 1)}" font-size="{size}"'
        f"{weight}{where}>{escape(text)}</text>"
    )


def _size(*lines: tuple[str, int]) -> tuple[int, int]:
    """Return about the ``(width, height)`` of lines of text, each of a size."""
    width = max(0.58 * size * len(text) for text, size in lines)
    return math.ceil(width), math.ceil(sum(1.25 * size for _, size in lines))


def _kind(point: PlotPoint) -> str:
    return "other" if point.is_baseline else "ours"
