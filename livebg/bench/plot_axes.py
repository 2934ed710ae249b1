"""Where values lie in the plot of quality against processor time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from livebg.types import Size

__all__ = ["Area", "Place", "PlotAxes"]

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
