"""Where names are written in a plot: over no point, no line and no other name."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from livebg.bench.plot_axes import Area, Place
from livebg.types import Size

__all__ = ["Label", "place_labels"]


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
