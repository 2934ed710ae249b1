import numpy as np
import pytest

from livebg.frame import Frame, FramePyramid, Image, Size

quarter = pytest.importorskip("livebg.pixels.reduction").quarter


def noise(size: Size) -> Image:
    image = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    image.flags.writeable = False
    return image


def test_a_quarter_is_the_rounded_mean() -> None:
    image = noise((40, 24))
    means = image.reshape(6, 4, 10, 4, 3).mean(axis=(1, 3))
    assert np.abs(quarter(image) - means).max() <= 0.5


@pytest.mark.parametrize("level", [0, 1, 254, 255])
def test_a_flat_picture_stays_as_it_is(level: int) -> None:
    assert (quarter(np.full((8, 12, 3), level, np.uint8)) == level).all()


def test_it_is_what_two_halvings_give_within_a_level() -> None:
    image = noise((40, 24))
    halved_twice = FramePyramid(Frame(image, 0, 0)).halved(2).astype(int)
    assert np.abs(quarter(image) - halved_twice).max() <= 1
