import numpy as np
import pytest

from livebg.compose.contact_sheet import contact_sheet
from livebg.types import Image

GREEN = (0, 200, 0)


def _picture(shape: tuple[int, int] = (90, 160)) -> Image:
    return np.full((*shape, 3), GREEN, np.uint8)


@pytest.mark.parametrize("count", [1, 4, 5])
def test_every_picture_is_on_it_whole(count: int) -> None:
    sheet = contact_sheet([("", _picture())] * count, columns=4, picture_size=(160, 90))
    assert (sheet == GREEN).all(axis=2).sum() == count * 160 * 90


def test_captions_and_title_are_written() -> None:
    pictures = [("blur", _picture())]
    plain = contact_sheet([("", _picture())], columns=1, picture_size=(160, 90))
    captioned = contact_sheet(pictures, columns=1, picture_size=(160, 90))
    titled = contact_sheet(pictures, columns=1, picture_size=(160, 90), title="livebg")
    assert captioned.shape == plain.shape
    assert (captioned != plain).any()
    assert titled.shape[0] > captioned.shape[0]


def test_a_long_caption_stays_under_its_picture() -> None:
    sheet = contact_sheet([("m" * 200, _picture())], columns=1, picture_size=(160, 90))
    assert (sheet[:, -2:] == sheet[0, 0]).all()


def test_transparency_is_a_checkerboard() -> None:
    clear = np.zeros((90, 160, 4), np.uint8)
    sheet = contact_sheet([("", clear)], columns=1, picture_size=(160, 90))
    assert {204, 255} <= set(np.unique(sheet[10:80, 10:150]))


def test_pictures_of_other_sizes_are_fitted() -> None:
    sheet = contact_sheet([("", _picture((200, 100)))], columns=1, picture_size=(160, 90))
    # 90 rows of a picture that is half as wide as high.
    assert (sheet == GREEN).all(axis=2).sum() == 90 * 45
