import numpy as np
import pytest

from livebg.frame import Frame, Image, Size
from livebg.pixels import reduction as reducing
from livebg.pixels.reduction import prepare_quarter


def noise(size: Size) -> Image:
    image = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    image.flags.writeable = False
    return image


def quarter(image: Image) -> Image:
    frame = Frame(image, 0, 0)
    prepare_quarter(frame)
    return frame.halved(2)


def test_a_quarter_is_the_rounded_mean() -> None:
    pytest.importorskip("numba")
    image = noise((40, 24))
    means = image.reshape(6, 4, 10, 4, 3).mean(axis=(1, 3))
    assert np.abs(quarter(image) - means).max() <= 0.5


@pytest.mark.parametrize("level", [0, 1, 254, 255])
def test_a_flat_picture_stays_as_it_is(level: int) -> None:
    assert (quarter(np.full((8, 12, 3), level, np.uint8)) == level).all()


def test_it_is_what_two_halvings_give_within_a_level(monkeypatch: pytest.MonkeyPatch) -> None:
    image = noise((40, 24))
    compiled = quarter(image).astype(int)
    monkeypatch.setattr(reducing, "numpy_stands_in", lambda: True)
    assert np.abs(quarter(image) - compiled).max() <= 1


def test_smaller_pictures_are_made_of_it() -> None:
    frame = Frame(noise((64, 48)), 0, 0)
    frame.keep_quarter(np.full((12, 16, 3), 9, np.uint8))
    assert (frame.halved(3) == 9).all()
    assert (frame.halved(1) != 9).any()


@pytest.mark.parametrize("size", [(854, 480), (640, 362)])
def test_pictures_that_four_does_not_divide_are_halved_twice(size: Size) -> None:
    image = noise(size)
    assert (quarter(image) == Frame(image, 0, 0).halved(2)).all()
