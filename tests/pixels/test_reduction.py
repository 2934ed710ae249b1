import numpy as np
import pytest

from livebg.frame import FramePyramid
from tests.support.mattes import noise_frame

quarter = pytest.importorskip("livebg.pixels.reduction").quarter


def test_a_quarter_is_the_rounded_mean() -> None:
    image = noise_frame((40, 24)).image
    means = image.reshape(6, 4, 10, 4, 3).mean(axis=(1, 3))
    assert np.abs(quarter(image) - means).max() <= 0.5


@pytest.mark.parametrize("level", [0, 1, 254, 255])
def test_a_flat_picture_stays_as_it_is(level: int) -> None:
    assert (quarter(np.full((8, 12, 3), level, np.uint8)) == level).all()


def test_it_is_what_two_halvings_give_within_a_level() -> None:
    frame = noise_frame((40, 24))
    halved_twice = FramePyramid(frame).halved(2).astype(int)
    assert np.abs(quarter(frame.image) - halved_twice).max() <= 1
