from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest

from livebg.bench.plot import Area, Label, PlotAxes, PlotPoint, place_labels, quality_plot

AREA = (0.0, 0.0, 800.0, 400.0)
DOT = 7.0


def meet(one: Area, other: Area) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def test_a_label_stands_above_its_point_to_the_right() -> None:
    ((left, top, right, bottom),) = place_labels([Label((400, 200), (90, 40))], AREA, [], DOT)
    assert (right - left, bottom - top) == (90, 40)
    assert 400 < left < 420
    assert 170 < bottom < 200


def test_at_the_right_edge_it_stands_to_the_left() -> None:
    ((left, _, right, _),) = place_labels([Label((790, 200), (90, 40))], AREA, [], DOT)
    assert left > 0
    assert right < 790


def test_labels_cover_neither_points_nor_lines_nor_each_other() -> None:
    random = np.random.default_rng(1)
    for _ in range(50):
        xs, ys = np.sort(random.uniform(150, 650, 4)), random.uniform(100, 300, 4)
        if np.diff(xs).min() < 60:
            continue
        places = [(float(x), float(y)) for x, y in zip(xs, ys, strict=True)]
        areas = place_labels([Label(place, (60, 30)) for place in places], AREA, places, DOT)
        for number, area in enumerate(areas):
            assert not any(meet(area, other) for other in areas[:number])
            for (x, y), (next_x, next_y) in pairwise(places):
                for share in np.linspace(0, 1, 200):
                    at = (x + share * (next_x - x), y + share * (next_y - y))
                    # The line is looked at once in a dot's radius: a corner may graze it.
                    inner = (area[0] + 4, area[1] + 4, area[2] - 4, area[3] - 4)
                    assert not meet(inner, (*at, at[0] + 1e-9, at[1] + 1e-9))


def test_where_nothing_is_free_it_is_placed_all_the_same() -> None:
    crowd = [Label((400, 200), (300, 150))] * 9
    areas = place_labels(crowd, AREA, [], DOT)
    assert len(areas) == 9
    assert all(AREA[0] <= left and right <= AREA[2] for left, _, right, _ in areas)


VALUES = [
    ([4.0, 18.0, 126.0], [4.1, 2.4, 2.6]),
    ([5.0], [3.0]),
    ([0.2, 0.2], [0.0, 0.0]),
    ([1e-3, 9e4], [1e-3, 4e3]),
]


@pytest.mark.parametrize(("times_ms", "mads"), VALUES)
def test_all_values_lie_inside(times_ms: list[float], mads: list[float]) -> None:
    axes = PlotAxes.around(times_ms, mads)
    left, top, right, bottom = axes.area
    for cpu_ms, mad in zip(times_ms, mads, strict=True):
        x, y = axes.place(cpu_ms, mad)
        assert left < x < right
        assert top < y <= bottom


@pytest.mark.parametrize(("times_ms", "mads"), VALUES)
def test_there_are_numbers_along_both_axes(times_ms: list[float], mads: list[float]) -> None:
    axes = PlotAxes.around(times_ms, mads)
    left, top, right, bottom = axes.area
    times, errors = list(axes.cpu_ticks()), list(axes.mad_ticks())
    assert len(times) >= 2
    assert all(left <= axes.x(tick) <= right for tick in times)
    assert errors[0] == 0
    assert 4 <= len(errors) <= 7
    assert all(top <= axes.y(tick) <= bottom for tick in errors)


def test_ten_times_the_cost_is_the_same_way_everywhere() -> None:
    axes = PlotAxes.around([2.0, 500.0], [1.0])
    # Places are rounded to a tenth.
    assert axes.x(50) - axes.x(5) == pytest.approx(axes.x(400) - axes.x(40), abs=0.2)


FAST = PlotPoint("fast", 4.0, 4.1, is_baseline=False)
QUALITY = PlotPoint("quality", 18.0, 2.4, is_baseline=False)
RECIPE = PlotPoint("as released", 126.0, 2.6, is_baseline=True)

SVG = "{http://www.w3.org/2000/svg}"


class Drawn:
    """A plot, read as the picture that it is."""

    def __init__(self, *points: PlotPoint) -> None:
        self.root = ElementTree.fromstring(quality_plot(points))
        self.dots = [
            (float(dot.attrib["cx"]), float(dot.attrib["cy"]), dot.attrib["class"].split()[-1])
            for dot in self.root.iter(f"{SVG}circle")
        ]
        self.way = [
            tuple(map(float, place.split(",")))
            for line in self.root.iter(f"{SVG}polyline")
            for place in line.attrib["points"].split()
        ]

    def texts(self, kind: str = "") -> list[str]:
        return [
            text.text or ""
            for text in self.root.iter(f"{SVG}text")
            if text.attrib["class"].startswith(kind)
        ]


def test_points_lie_right_by_cost_and_up_by_error() -> None:
    (recipe_x, recipe_y, recipe_kind), (fast_x, fast_y, fast_kind) = Drawn(RECIPE, FAST).dots
    assert recipe_x > fast_x + 200
    assert recipe_y > fast_y + 50
    assert (recipe_kind, fast_kind) == ("other", "ours")


def test_our_points_are_joined_by_cost() -> None:
    drawn = Drawn(QUALITY, RECIPE, FAST)
    assert drawn.way == [(x, y) for x, y, kind in sorted(drawn.dots) if kind == "ours"]
    assert Drawn(FAST, RECIPE).way == []


def test_names_and_numbers_are_written_and_told() -> None:
    drawn = Drawn(FAST, RECIPE)
    assert "fast" in drawn.texts("ours")
    assert "as released" in drawn.texts("other")
    assert "4 ms, error 4.10" in drawn.texts("faint")
    told = drawn.root.findtext(f"{SVG}desc")
    assert told == "fast: 4 ms, error 4.10; as released: 126 ms, error 2.60"
    assert drawn.root.attrib["role"] == "img"


@pytest.mark.parametrize(
    "points",
    [
        [FAST],
        [FAST, FAST, FAST],
        [PlotPoint("exact", 0.2, 0.0, is_baseline=False)],
        [
            PlotPoint("a name <that> is long & beyond all reason", 900.0, 4e3, is_baseline=True),
            FAST,
        ],
    ],
)
def test_odd_points_are_drawn_too(points: list[PlotPoint]) -> None:
    drawn = Drawn(*points)
    width, height = (float(drawn.root.attrib[side]) for side in ("width", "height"))
    assert len(drawn.dots) == len(points)
    assert all(0 < x < width and 0 < y < height for x, y, _ in drawn.dots)
    assert points[0].name in drawn.texts()
