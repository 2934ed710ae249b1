import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from livebg.pixels import reducing
from livebg.pixels.reducing import has_quarter, quarter
from livebg.types import Frame, Image, Size


@pytest.fixture
def noise() -> Image:
    return np.random.default_rng(0).integers(0, 256, (24, 40, 3), np.uint8)


def means(image: Image) -> NDArray[np.float64]:
    height, width = image.shape[:2]
    return np.asarray(image.reshape(height // 4, 4, width // 4, 4, 3).mean(axis=(1, 3)))


def test_a_quarter_is_the_rounded_mean(noise: Image) -> None:
    pytest.importorskip("numba")
    assert np.abs(quarter(noise) - means(noise)).max() <= 0.5


@pytest.mark.parametrize("level", [0, 1, 254, 255])
def test_a_flat_picture_stays_as_it_is(level: int) -> None:
    assert (quarter(np.full((8, 12, 3), level, np.uint8)) == level).all()


def test_opencv_stands_in_within_a_level(noise: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = quarter(noise).astype(int)
    monkeypatch.setattr(reducing, "numpy_stands_in", lambda: True)
    assert np.abs(quarter(noise) - compiled).max() <= 1


def test_a_picture_that_may_not_be_written_to_is_read(noise: Image) -> None:
    noise.flags.writeable = False
    assert quarter(noise).shape == (6, 10, 3)


@pytest.mark.parametrize(
    ("size", "whole"), [((1280, 720), True), ((1920, 1080), True), ((854, 480), False)]
)
def test_only_multiples_of_four_have_one(size: Size, whole: bool) -> None:
    assert has_quarter(size) == whole


@pytest.mark.parametrize("size", [(854, 480), (640, 362)])
def test_other_frames_are_halved_twice(size: Size) -> None:
    image = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    frame = Frame(image, 0, 0)
    half = cv2.resize(image, (size[0] // 2, size[1] // 2), interpolation=cv2.INTER_LINEAR)
    assert (frame.halved(1) == half).all()
    assert frame.halved(2).shape == (size[1] // 4, size[0] // 4, 3)
