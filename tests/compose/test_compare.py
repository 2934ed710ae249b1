import numpy as np
import pytest

from livebg.compose.compare import caption_height, on_checkerboard, side_by_side


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
    assert caption_height(4000) > caption_height(720) > caption_height(100)
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
