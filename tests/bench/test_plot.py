from xml.etree import ElementTree

import pytest

from livebg.bench.plot import PlotPoint, quality_plot

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
