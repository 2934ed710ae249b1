import numpy as np
import pytest

from livebg.compose.card import privacy_card

SIZES = [(1280, 720), (640, 360), (360, 640), (64, 48), (17, 9)]


@pytest.mark.parametrize("size", SIZES)
def test_it_has_the_size_that_was_asked_for(size: tuple[int, int]) -> None:
    card = privacy_card(size, "The camera is lost: reconnecting")
    assert card.shape == (size[1], size[0], 3)
    assert card.dtype == np.uint8


@pytest.mark.parametrize("size", SIZES[:3])
def test_the_sentence_is_whole_and_in_the_middle(size: tuple[int, int]) -> None:
    card = privacy_card(size, "The filter has failed: trying again")
    rows, columns = np.nonzero(card.max(axis=2) > 120)
    width, height = size
    assert columns.min() > 0.04 * width and columns.max() < 0.96 * width
    # The text's own ascent and descent move it a little off the exact middle.
    assert abs(columns.mean() / width - 0.5) < 0.05
    assert abs(rows.mean() / height - 0.5) < 0.05


def test_it_is_dark_and_calm() -> None:
    card = privacy_card((640, 360), "Paused")
    assert np.median(card) < 60
