from __future__ import annotations

import numpy as np
import pytest

from livebg.compositing.text import letterbox, privacy_card


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
