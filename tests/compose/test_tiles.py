import numpy as np
import pytest
from numpy.typing import NDArray

from livebg.compose.tiles import BACKGROUND, MIXED, PERSON, TILE_PX, classify_tiles
from livebg.refine.guided import with_coefficients
from livebg.source.synthetic import SyntheticScene
from livebg.types import Box, Frame, Matte, Size
from tests.mattes import disc, full_alpha, noise_frame, plain_matte, shrunk

SIZES: list[Size] = [(640, 360), (360, 640), (333, 187), (96, 64), (17, 90), (1, 1)]


def per_pixel(tiles: NDArray[np.uint8], frame: Frame) -> NDArray[np.uint8]:
    width, height = frame.size
    return tiles.repeat(TILE_PX, 0).repeat(TILE_PX, 1)[:height, :width]


def assert_bounded(matte: Matte, frame: Frame, levels: float) -> None:
    """No pixel that is more than ``levels`` of 255 from pure lies in a pure tile."""
    alpha = 255 * full_alpha(matte, frame)
    kinds = per_pixel(classify_tiles(matte, frame), frame)
    assert alpha[kinds == BACKGROUND].max(initial=0) <= levels
    assert alpha[kinds == PERSON].min(initial=255) >= 255 - levels


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("alpha", "kind"), [(0.0, BACKGROUND), (1.0, PERSON), (0.5, MIXED)])
def test_a_flat_matte_has_tiles_of_one_kind(size: Size, alpha: float, kind: int) -> None:
    frame = noise_frame(size)
    tiles = classify_tiles(plain_matte(np.full((18, 32), alpha), frame), frame)
    assert tiles.dtype == np.uint8
    assert tiles.shape == (-(-size[1] // 16), -(-size[0] // 16))
    assert (tiles == kind).all()


@pytest.mark.parametrize(
    ("alpha", "kind"),
    [(0.013, BACKGROUND), (0.025, MIXED), (0.975, MIXED), (0.987, PERSON), (-3.0, 0), (4.0, 1)],
)
def test_nearly_pure_is_pure(alpha: float, kind: int) -> None:
    """A network's alpha is rarely exactly 0 or 1; a hundredth is invisible."""
    frame = noise_frame((64, 48))
    tiles = classify_tiles(plain_matte(np.full((9, 16), alpha), frame), frame)
    assert (tiles == kind).all()


@pytest.mark.parametrize("plane", [(256, 144), (64, 36), (20, 11), (700, 400)])
@pytest.mark.parametrize("size", SIZES)
def test_no_soft_pixel_lies_in_a_pure_tile(size: Size, plane: Size) -> None:
    frame = noise_frame(size)
    for x in (0.2, 0.55, 1.3):
        for softness in (0.01, 0.1):
            matte = plain_matte(disc(plane, (x, 0.6), 0.3, softness), frame)
            # The threshold is 4 levels, on an alpha rounded to whole levels.
            assert_bounded(matte, frame, levels=4.5)


def test_a_single_pixel_of_person_is_seen() -> None:
    frame = noise_frame((640, 360))
    alpha = np.zeros((144, 256))
    for y, x in [(0, 0), (143, 255), (70, 101), (39, 64), (90, 0)]:
        alpha[:] = 0
        alpha[y, x] = 1
        assert_bounded(plain_matte(alpha, frame), frame, levels=4.5)
        assert_bounded(plain_matte(1 - alpha, frame), frame, levels=4.5)


@pytest.mark.parametrize("size", [(640, 360), (333, 187), (200, 320)])
def test_coefficients_are_bounded_by_the_grey_around(size: Size) -> None:
    scene = SyntheticScene(size, frame_count=1)
    frame = scene.read()
    plane = (128, 72) if size[0] > size[1] else (72, 128)
    matte = with_coefficients(plain_matte(shrunk(scene.truth(0) / 255, plane), frame), frame)
    assert np.abs(matte.gain).max() > 1
    # Beside the threshold's 4 levels: the grey of a pixel's surroundings is an average, rounded to
    # a byte, so detail within a pixel of the matte, times the gain, goes beyond what was bounded.
    # Two more levels out of 255 cannot be seen.
    assert_bounded(matte, frame, levels=6)


def test_a_webcam_picture_is_mostly_pure() -> None:
    scene = SyntheticScene((1280, 720), frame_count=1)
    frame = scene.read()
    tiles = classify_tiles(plain_matte(shrunk(scene.truth(0) / 255, (256, 144)), frame), frame)
    # A picture whose every tile is mixed would be right too, but slow.
    assert (tiles == MIXED).mean() < 0.25
    assert (tiles == PERSON).mean() > 0.15
    assert (tiles == BACKGROUND).mean() > 0.3


def test_outside_the_box_is_background_and_its_border_mixed() -> None:
    frame = noise_frame((128, 96))
    tiles = classify_tiles(plain_matte(np.ones((8, 8)), frame, Box(16, 24, 80, 80)), frame)
    assert (tiles[0] == BACKGROUND).all()
    assert (tiles[:, 0] == BACKGROUND).all()
    assert (tiles[:, 5:] == BACKGROUND).all()
    assert (tiles[5:] == BACKGROUND).all()
    assert (tiles[1, 1:5] == MIXED).all()  # the box begins in the middle of this row
    assert (tiles[2:5, 1:5] == PERSON).all()


@pytest.mark.parametrize("box", [Box(3.5, 5.2, 100.1, 90), Box(40, 40, 47, 47), Box(0, 0, 16, 96)])
def test_no_soft_pixel_lies_in_a_pure_tile_of_a_box(box: Box) -> None:
    frame = noise_frame((128, 96))
    for alpha in (np.ones((20, 20)), disc((20, 20), (0.4, 0.5), 0.4, 0.1)):
        assert_bounded(plain_matte(alpha, frame, box), frame, levels=4.5)
