from dataclasses import replace

import cv2
import numpy as np
import pytest

from livebg.compose.reframing import reframed, window_of
from livebg.types import Box, FloatImage, Frame, Image, Size
from tests.mattes import full_alpha, noise_matte, plain_matte

SIZE: Size = (320, 180)
WINDOW = Box(60.3, 40.7, 60.3 + 200.4, 40.7 + 112.725)


def picture() -> Image:
    """Soft blobs, so that interpolation has something to agree on."""
    noise = np.random.default_rng(0).integers(0, 256, (SIZE[1], SIZE[0], 3), np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 3), np.uint8)


def test_the_whole_frame_is_left_alone() -> None:
    frame = Frame(picture(), 3, 5)
    matte = noise_matte(frame)
    shown, moved = reframed(frame, matte, Box.whole(SIZE))
    assert shown is frame
    assert moved is matte


def test_a_window_is_what_an_affine_warp_shows() -> None:
    image = picture()
    step = WINDOW.width / SIZE[0]
    way = np.array(
        [[step, 0, WINDOW.left + step / 2 - 0.5], [0, step, WINDOW.top + step / 2 - 0.5]]
    )
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    expected = cv2.warpAffine(image, way, SIZE, flags=flags)
    difference = np.abs(window_of(image, WINDOW).astype(int) - expected)
    # The bilinear shift takes a little off the blobs' tops.
    assert difference.max() <= 3
    assert image.std() > 5


@pytest.mark.parametrize("shift_px", [0.0, 0.25, 0.5, 0.75, 1.0])
def test_fractions_of_a_pixel_count(shift_px: float) -> None:
    """A ramp shows where it was read: four levels a pixel."""
    levels = np.clip(4 * np.arange(SIZE[0]) - 120, 0, 255).astype(np.uint8)
    shown = window_of(np.tile(levels, (SIZE[1], 1)), Box(20 + shift_px, 10, 180 + shift_px, 100))
    # Columns 50 to 89 of the result are centred 35 pixels into the window; levels are rounded.
    assert shown[90, 50:90].mean() == pytest.approx(4 * (20 + shift_px + 35 - 0.5) - 120, abs=0.5)


def blurred(plane: FloatImage) -> FloatImage:
    return np.asarray(cv2.blur(plane, (9, 9)), np.float32)


@pytest.mark.parametrize(
    "box", [None, Box(40, 30, 290, 170), Box(100, 60, 150, 100), Box(0, 50, 120.5, 180)]
)
def test_the_matte_is_that_of_what_is_shown(box: Box | None) -> None:
    """In a frame of one colour the magnified alpha is the alpha, magnified."""
    frame = Frame(np.full((SIZE[1], SIZE[0], 3), 90, np.uint8), 7, 11)
    matte = noise_matte(frame, (40, 24), box)
    matte = replace(matte, gain=blurred(matte.gain), offset=blurred(matte.offset))
    shown, moved = reframed(frame, matte, WINDOW)
    assert (shown.index, shown.captured_ns, shown.size) == (7, 11, SIZE)
    assert (moved.frame_index, moved.captured_ns) == (7, 11)
    scale = SIZE[0] / WINDOW.width
    columns = WINDOW.left + (np.arange(SIZE[0]) + 0.5) / scale - 0.5
    rows = WINDOW.top + (np.arange(SIZE[1]) + 0.5) / scale - 0.5
    before, found = full_alpha(matte, frame), full_alpha(moved, shown)
    expected = before[np.rint(rows).astype(int)][:, np.rint(columns).astype(int)]
    # The nearest pixel is up to half a pixel off, and the box is cut within one of its edge.
    assert np.quantile(np.abs(found - expected), 0.97) < 0.05
    assert (found > 0).mean() == pytest.approx((expected > 0).mean(), abs=0.02)
    assert expected.std() > 0.05


def test_where_the_window_shows_nothing_of_the_matte_there_is_nobody() -> None:
    frame = Frame(picture(), 3, 5)
    matte = plain_matte(np.ones((9, 16)), frame, Box(0, 0, 30, 30))
    shown, moved = reframed(frame, matte, WINDOW)
    assert not full_alpha(moved, shown).any()
    assert moved.box == Box.whole(SIZE)


def test_a_window_at_the_corner_reaches_the_picture_s_own_edge() -> None:
    image = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    image[-20:, -20:] = 255
    shown = window_of(image, Box(160, 90, 320, 180))
    assert (shown[-30:, -30:] == 255).all()
    assert (shown[:100] == 0).all()
