import numpy as np

from livebg.compose.segmap import (
    colour_classes,
    full_size_labels,
    labels_from_alpha,
    with_legend,
)
from livebg.types import Box

NAMES = ("background", "cat", "person", "sofa")
PALETTE = np.array([(0, 0, 0), (0, 0, 64), (128, 128, 192), (0, 192, 0)], np.uint8)


def has_colour(image: np.ndarray, colour: np.ndarray) -> bool:
    return bool((image == colour).all(axis=-1).any())


def test_classes_take_the_colours_of_the_palette() -> None:
    labels = np.array([[0, 2], [3, 1]], np.uint8)
    image = colour_classes(labels, PALETTE)
    assert image.dtype == np.uint8
    assert image.shape == (2, 2, 3)
    assert image[0, 1].tolist() == [128, 128, 192]
    assert image[1, 0].tolist() == [0, 192, 0]


def test_labels_are_enlarged_without_inventing_classes() -> None:
    labels = np.array([[0, 3], [2, 0]], np.uint8)
    full = full_size_labels(labels, Box.whole((7, 5)), (7, 5))
    assert full.shape == (5, 7)
    assert set(np.unique(full)) == {0, 2, 3}
    assert (full[0, 0], full[0, -1], full[-1, 0], full[-1, -1]) == (0, 3, 2, 0)


def test_an_alpha_above_one_half_is_the_class() -> None:
    labels = labels_from_alpha(np.array([[0, 127, 128, 255]], np.uint8), 15)
    assert labels.dtype == np.uint8
    assert labels.tolist() == [[0, 0, 15, 15]]


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
