import numpy as np
import pytest
from numpy.typing import NDArray

from livebg.bench.plot import PlotPoint, quality_plot
from livebg.types import Image

FAST = PlotPoint("fast", 4.0, 4.1, is_baseline=False)
QUALITY = PlotPoint("quality", 18.0, 2.4, is_baseline=False)
RECIPE = PlotPoint("float recipe", 126.0, 2.6, is_baseline=True)


def places(image: Image, *, red: bool) -> NDArray[np.intp]:
    """Where the picture is as red, or else as blue, as the points are."""
    blue_green_red = image.astype(int)
    difference = blue_green_red[..., 2] - blue_green_red[..., 0]
    return np.argwhere(difference > 120 if red else difference < -120)


def test_points_lie_right_by_cost_and_up_by_error() -> None:
    recipe = places(quality_plot([RECIPE, FAST]), red=True)
    fast = places(quality_plot([RECIPE, FAST]), red=False)
    assert recipe[:, 1].mean() > fast[:, 1].mean() + 400
    assert recipe[:, 0].mean() > fast[:, 0].mean() + 100


def test_our_points_are_joined() -> None:
    joined = places(quality_plot([FAST, QUALITY, RECIPE]), red=False)
    apart = places(quality_plot([FAST, RECIPE]), red=False)
    width = np.ptp(joined[:, 1])
    assert width > np.ptp(apart[:, 1]) + 200
    # Nearly every column between the points holds some of the line, but for the ring of paper
    # around each point.
    assert len(np.unique(joined[:, 1])) > 0.9 * width


@pytest.mark.parametrize("size", [(1600, 900), (640, 360)])
@pytest.mark.parametrize(
    "points",
    [
        [FAST],
        [FAST, FAST, FAST],
        [PlotPoint("exact", 0.2, 0.0, is_baseline=False)],
        [PlotPoint("a name that is long beyond all reason", 900.0, 4e3, is_baseline=True), FAST],
    ],
)
def test_odd_points_are_drawn_too(points: list[PlotPoint], size: tuple[int, int]) -> None:
    image = quality_plot(points, size)
    assert image.shape == (size[1], size[0], 3)
    assert image.dtype == np.uint8
    assert len(places(image, red=points[0].is_baseline))


def test_the_margin_is_left_free() -> None:
    image = quality_plot([FAST, QUALITY, RECIPE])
    for edge in (image[:8], image[-8:], image[:, :8], image[:, -8:]):
        assert (edge == 255).all()
