from __future__ import annotations

import numpy as np
import pytest

from livebg.compositing.sheets import (
    contact_sheet,
    full_size_labels,
    landscape,
    on_checkerboard,
    side_by_side,
    with_legend,
)
from livebg.frame import Box, Image


@pytest.mark.parametrize("size", [(320, 180), (180, 320), (2, 2)])
def test_it_has_the_size_that_was_asked_for_and_never_changes(size: tuple[int, int]) -> None:
    picture = landscape(size)
    assert picture.shape == (size[1], size[0], 3)
    assert picture.dtype == np.uint8
    assert np.array_equal(picture, landscape(size))


def test_the_ground_is_darker_than_the_sky() -> None:
    picture = landscape((160, 90))
    assert picture[-10:].mean() < 0.5 * picture[:50].mean()


def test_pictures_stand_side_by_side_untouched_under_captions() -> None:
    before = np.full((120, 200, 3), (10, 20, 30), np.uint8)
    after = np.full((120, 160, 3), (200, 100, 50), np.uint8)
    row = side_by_side([("before", before), ("after", after)])
    assert row.dtype == np.uint8
    assert row.shape[0] > 120
    assert row.shape[1] >= 200 + 160
    np.testing.assert_array_equal(row[-120:, :200], before)
    np.testing.assert_array_equal(row[-120:, -160:], after)


def test_captions_are_written_above_each_picture_and_only_there() -> None:
    dark = np.zeros((120, 200, 3), np.uint8)
    row = side_by_side([("before", dark), ("after", dark)])
    strip = row[:-120]
    for part in (strip[:, :200], strip[:, -200:]):
        assert part.max() > 150
    assert row[-120:].max() < 100


def test_captions_grow_with_the_picture_and_fit_a_narrow_one() -> None:
    strips = [
        side_by_side([("before", np.zeros((height, 50, 3), np.uint8))]).shape[0] - height
        for height in (100, 720, 4000)
    ]
    assert strips[0] < strips[1] < strips[2]
    narrow = side_by_side([("before", np.zeros((300, 24, 3), np.uint8))])
    assert narrow.shape[1] == 24
    assert narrow[:-300, 0].max() < 100 and narrow[:-300, -1].max() < 100


def test_transparency_shows_a_checkerboard() -> None:
    image = np.zeros((80, 80, 4), np.uint8)
    image[:, 40:] = (10, 20, 30, 255)
    shown = on_checkerboard(image)
    assert shown.shape == (80, 80, 3)
    assert set(np.unique(shown[:, :40])) == {204, 255}
    np.testing.assert_array_equal(shown[:, 40:], image[:, 40:, :3])
    row = side_by_side([("after", image)])
    np.testing.assert_array_equal(row[-80:], shown)


@pytest.mark.parametrize("heights", [(), (10, 20)])
def test_pictures_of_different_heights_are_refused(heights: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="one height"):
        side_by_side([("x", np.zeros((height, 10, 3), np.uint8)) for height in heights])


GREEN = (0, 200, 0)


def _picture(shape: tuple[int, int] = (90, 160)) -> Image:
    return np.full((*shape, 3), GREEN, np.uint8)


def sheet_of(*pictures: tuple[str, Image], title: str = "", columns: int = 4) -> Image:
    return contact_sheet(pictures, columns=columns, picture_size=(160, 90), title=title)


@pytest.mark.parametrize("count", [1, 4, 5])
def test_every_picture_is_on_the_sheet_whole(count: int) -> None:
    sheet = sheet_of(*[("", _picture())] * count)
    assert (sheet == GREEN).all(axis=2).sum() == count * 160 * 90


def test_captions_and_title_are_written_on_the_sheet() -> None:
    plain, captioned = sheet_of(("", _picture())), sheet_of(("blur", _picture()))
    titled = sheet_of(("blur", _picture()), title="livebg")
    assert captioned.shape == plain.shape == titled.shape
    assert (captioned != plain).any()
    assert (titled != captioned).any()


def test_a_long_caption_stays_above_its_picture() -> None:
    sheet = sheet_of(("m" * 200, _picture()), columns=1)
    assert (sheet[:, -2:] == sheet[0, 0]).all()


def test_the_sheet_fits_pictures_of_other_sizes_and_shows_transparency() -> None:
    sheet = sheet_of(("", _picture((200, 100))))
    # 90 rows of a picture that is half as wide as high.
    assert (sheet == GREEN).all(axis=2).sum() == 90 * 45
    assert {204, 255} <= set(np.unique(sheet_of(("", np.zeros((90, 160, 4), np.uint8)))))


NAMES = ("background", "cat", "person", "sofa")
PALETTE = np.array([(0, 0, 0), (0, 0, 64), (128, 128, 192), (0, 192, 0)], np.uint8)


def has_colour(image: np.ndarray, colour: np.ndarray) -> bool:
    return bool((image == colour).all(axis=-1).any())


def test_labels_are_enlarged_without_inventing_classes() -> None:
    labels = np.array([[0, 3], [2, 0]], np.uint8)
    full = full_size_labels(labels, Box.whole((7, 5)), (7, 5))
    assert full.shape == (5, 7)
    assert set(np.unique(full)) == {0, 2, 3}
    assert (full[0, 0], full[0, -1], full[-1, 0], full[-1, -1]) == (0, 3, 2, 0)


def test_outside_the_box_is_background() -> None:
    labels = np.full((4, 4), 2, np.uint8)
    full = full_size_labels(labels, Box(10, 5, 30, 25), (40, 30))
    assert (full[5:25, 10:30] == 2).all()
    assert int((full == 2).sum()) == 20 * 20


def test_a_box_that_leaves_the_frame_is_cut() -> None:
    labels = np.full((4, 4), 2, np.uint8)
    assert (full_size_labels(labels, Box(-10, -10, 50, 50), (40, 30)) == 2).all()
    assert (full_size_labels(labels, Box(50, 50, 60, 60), (40, 30)) == 0).all()


def test_the_legend_names_the_classes_present_and_no_other() -> None:
    labels = np.zeros((120, 300), np.uint8)
    labels[:, 100:] = 2
    image = np.full((120, 300, 3), 77, np.uint8)
    drawn = with_legend(image, labels, NAMES, PALETTE)
    legend = drawn[120:]
    np.testing.assert_array_equal(drawn[:120], image)
    assert has_colour(legend, PALETTE[0]) and has_colour(legend, PALETTE[2])
    assert not has_colour(legend, PALETTE[1]) and not has_colour(legend, PALETTE[3])
    assert legend.max() > 200


def test_the_legend_wraps_in_a_narrow_picture() -> None:
    labels = np.array([[0, 1, 2, 3]], np.uint8).repeat(100, axis=0)
    wide = with_legend(np.zeros((100, 900, 3), np.uint8), labels, NAMES, PALETTE)
    narrow = with_legend(np.zeros((100, 90, 3), np.uint8), labels, NAMES, PALETTE)
    assert narrow.shape[0] > wide.shape[0]
    assert all(has_colour(narrow[100:], colour) for colour in PALETTE)
