import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from livebg.compose.sampling import Taps, taps_of
from livebg.types import Box, FloatImage, Size
from tests.mattes import upsampled


def plane_of(size: Size) -> FloatImage:
    return np.random.default_rng(0).uniform(0, 1, (size[1], size[0])).astype(np.float32)


def read(plane: FloatImage, taps: Taps) -> NDArray[np.float64]:
    """What the docstring of ``Taps`` promises."""
    i, k = (index.clip(0) for index in (taps.y_index, taps.x_index))
    j = np.minimum(i + 1, plane.shape[0] - 1)
    m = np.minimum(k + 1, plane.shape[1] - 1)
    down, across = taps.y_weight[:, None].astype(float), taps.x_weight.astype(float)
    upper = plane[i][:, k] * (1 - across) + plane[i][:, m] * across
    lower = plane[j][:, k] * (1 - across) + plane[j][:, m] * across
    return np.asarray(upper * (1 - down) + lower * down)


@pytest.mark.parametrize("frame", [(160, 90), (31, 17), (90, 160), (16, 9), (7, 5), (1, 33)])
@pytest.mark.parametrize("plane", [(16, 9), (2, 2), (13, 40)])
def test_taps_of_the_whole_frame_are_those_of_opencvs_resize(frame: Size, plane: Size) -> None:
    values = plane_of(plane)
    expected = cv2.resize(values, frame, interpolation=cv2.INTER_LINEAR)
    found = read(values, taps_of(frame, Box.whole(frame), plane))
    # Single precision leaves 1e-6 of positions up to 100.
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("plane", [(1, 1), (1, 5), (5, 1)])
def test_a_plane_of_one_sample_is_constant_along_that_axis(plane: Size) -> None:
    values = plane_of(plane)
    found = read(values, taps_of((24, 24), Box.whole((24, 24)), plane))
    np.testing.assert_allclose(found, upsampled(values, Box.whole((24, 24)), (24, 24)), atol=1e-6)


@pytest.mark.parametrize("box", [Box(8, 4, 40, 28), Box(7.3, 4.6, 41.9, 20.2)])
def test_a_box_has_taps_inside_and_none_outside(box: Box) -> None:
    frame, plane = (64, 36), (12, 7)
    taps = taps_of(frame, box, plane)
    columns, rows = np.arange(64) + 0.5, np.arange(36) + 0.5
    inside_x = (columns > box.left) & (columns < box.right)
    inside_y = (rows > box.top) & (rows < box.bottom)
    assert np.array_equal(taps.x_index >= 0, inside_x)
    assert np.array_equal(taps.y_index >= 0, inside_y)
    values = plane_of(plane)
    expected = upsampled(values, box, frame)
    inside = np.ix_(inside_y, inside_x)
    np.testing.assert_allclose(read(values, taps)[inside], expected[inside], atol=1e-5)


def test_taps_never_lead_outside_the_plane() -> None:
    for frame in [(1, 1), (2, 3), (640, 360), (17, 301)]:
        for plane in [(1, 1), (2, 1), (256, 144), (3, 5)]:
            taps = taps_of(frame, Box.whole(frame), plane)
            for index, weight, count, samples in (
                (taps.x_index, taps.x_weight, frame[0], plane[0]),
                (taps.y_index, taps.y_weight, frame[1], plane[1]),
            ):
                assert index.dtype == np.int32
                assert weight.dtype == np.float32
                assert index.shape == weight.shape == (count,)
                assert 0 <= index.min() <= index.max() <= max(0, samples - 2)
                assert 0 <= weight.min() <= weight.max() <= 1
