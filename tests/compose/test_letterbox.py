import numpy as np
import pytest

from livebg.compose.letterbox import letterbox


def test_a_picture_of_that_size_stays_itself() -> None:
    picture = np.zeros((9, 16, 3), np.uint8)
    assert letterbox(picture, (16, 9)) is picture


@pytest.mark.parametrize("channels", [(), (3,), (4,)])
@pytest.mark.parametrize("shape", [(9, 32), (32, 9), (300, 400), (1, 1)])
def test_all_of_it_is_inside(shape: tuple[int, int], channels: tuple[int, ...]) -> None:
    picture = np.full((*shape, *channels), 200, np.uint8)
    fitted = letterbox(picture, (64, 36))
    assert fitted.shape == (36, 64, *channels)
    rows, columns = np.nonzero(fitted.reshape(36, 64, -1).max(axis=2))
    inside = (np.ptp(columns) + 1, np.ptp(rows) + 1)
    assert max(inside[0] / 64, inside[1] / 36) == 1.0
    # Rounding to whole pixels changes the ratio by at most one pixel on the shorter side.
    assert abs(inside[0] * shape[0] - inside[1] * shape[1]) <= max(shape) * 1.0


def test_bars_are_black_and_transparent() -> None:
    fitted = letterbox(np.full((10, 10, 4), 255, np.uint8), (30, 10))
    assert not fitted[:, :10].any() and not fitted[:, 20:].any()
    assert (fitted[:, 10:20] == 255).all()
