import cv2
import numpy as np
import pytest

from livebg.compose.reframing import reframed, window_of
from livebg.types import Box, Composite, Image, Size

SIZE: Size = (320, 180)
WINDOW = Box(60.3, 40.7, 60.3 + 200.4, 40.7 + 112.725)


def picture(channels: int = 3, seed: int = 0) -> Image:
    """Soft blobs, so that interpolation has something to agree on."""
    random = np.random.default_rng(seed)
    noise = random.integers(0, 256, (SIZE[1], SIZE[0], channels), np.uint8)
    return np.ascontiguousarray(cv2.GaussianBlur(noise, (0, 0), 3).reshape(noise.shape))


def test_the_whole_picture_is_left_alone() -> None:
    composite = Composite(picture(), 3, 5)
    assert reframed(composite, Box.whole(SIZE)) is composite


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


def test_picture_and_alpha_stay_together_and_the_rest_is_kept() -> None:
    alpha = picture(1, seed=1)[..., 0]
    grey = np.ascontiguousarray(np.dstack([alpha] * 3))
    shown = reframed(Composite(grey, 7, 11, alpha), WINDOW)
    assert shown.alpha is not None
    # OpenCV rounds one channel and three a little differently.
    assert np.abs(shown.image[..., 0].astype(int) - shown.alpha).max() <= 1
    assert (shown.index, shown.captured_ns, shown.size) == (7, 11, SIZE)
    assert shown.image.flags.c_contiguous


def test_colours_that_nobody_sees_do_not_come_up_at_the_edges() -> None:
    cutout = np.zeros((SIZE[1], SIZE[0], 4), np.uint8)
    cutout[...] = (0, 255, 0, 0)
    cutout[60:120, 100:200] = (200, 100, 50, 255)
    shown = reframed(Composite(cutout, 0, 0), WINDOW).image
    visible = shown[..., 3] > 30
    # Two roundings of weighted colours, at an alpha of 30 of 255 and more.
    assert np.abs(shown[visible][:, :3].astype(int) - (200, 100, 50)).max() <= 12
    assert (shown[..., 3] == 0).any()
    assert (shown[..., 3] == 255).any()


def test_a_window_at_the_corner_reaches_the_picture_s_own_edge() -> None:
    image = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    image[-20:, -20:] = 255
    shown = window_of(image, Box(160, 90, 320, 180))
    assert (shown[-30:, -30:] == 255).all()
    assert (shown[:100] == 0).all()
