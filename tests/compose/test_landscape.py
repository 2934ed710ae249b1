import numpy as np
import pytest

from livebg.compose.landscape import landscape


@pytest.mark.parametrize("size", [(320, 180), (180, 320), (2, 2)])
def test_it_has_the_size_that_was_asked_for(size: tuple[int, int]) -> None:
    picture = landscape(size)
    assert picture.shape == (size[1], size[0], 3)
    assert picture.dtype == np.uint8


def test_it_is_the_same_every_time() -> None:
    assert np.array_equal(landscape((160, 90)), landscape((160, 90)))


def test_the_ground_is_darker_than_the_sky() -> None:
    picture = landscape((160, 90))
    assert picture[-10:].mean() < 0.5 * picture[:50].mean()
