from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from livebg.compositing.backgrounds import BlurPlate, GreyPlate, StillPlate, cover
from livebg.compositing.edge_colour import EDGE_HALVINGS
from livebg.frame import FloatImage, Frame, FramePyramid, Image, Size
from tests.support.mattes import disc, frame_of, noise_frame, shrunk

NO_PERSON: FloatImage = np.zeros((6, 8), np.float32)


def coordinates(size: Size) -> Image:
    """A picture whose blue is the column and whose green is the row, as shares of 240."""
    width, height = size
    x, y = (np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height
    return np.dstack(np.broadcast_arrays(240 * x, 240 * y[:, None], 0 * x)).astype(np.uint8)


@pytest.mark.parametrize(
    ("picture", "size", "across", "down"),
    [
        ((320, 180), (160, 90), (0, 1), (0, 1)),
        ((320, 180), (180, 180), (7 / 32, 25 / 32), (0, 1)),
        ((320, 180), (45, 45), (7 / 32, 25 / 32), (0, 1)),
        ((100, 400), (400, 200), (0, 1), (7 / 16, 9 / 16)),
        ((320, 180), (90, 160), (0.5 - 81 / 512, 0.5 + 81 / 512), (0, 1)),
        ((64, 64), (256, 128), (0, 1), (1 / 4, 3 / 4)),
    ],
)
def test_a_picture_is_cropped_to_cover_from_its_middle(
    picture: Size, size: Size, across: tuple[float, float], down: tuple[float, float]
) -> None:
    found = cover(coordinates(picture), size)
    assert found.shape == (size[1], size[0], 3)
    columns, rows = found[..., 0].mean(axis=0), found[..., 1].mean(axis=1)
    for seen, (first, last), pixels in ((columns, across, size[0]), (rows, down, size[1])):
        at = first + (last - first) * (np.arange(pixels) + 0.5) / pixels
        # A pixel of the source is up to 2.4 levels wide; the crop is whole pixels, an odd one out
        # goes to one side, and a border that is enlarged repeats half a pixel.
        assert np.abs(seen - 240 * at).max() <= 3.5


def test_a_picture_of_the_right_size_is_not_touched() -> None:
    picture = noise_frame((64, 48)).image
    assert np.array_equal(cover(picture, (64, 48)), picture)


@pytest.mark.parametrize("picture", [(1, 1), (1, 500), (500, 1), (3, 2)])
@pytest.mark.parametrize("size", [(64, 48), (48, 64), (1, 1), (300, 2)])
def test_any_picture_covers_any_frame(picture: Size, size: Size) -> None:
    image = np.full((picture[1], picture[0], 3), (9, 80, 200), np.uint8)
    assert (cover(image, size) == (9, 80, 200)).all()
    assert cover(image, size).shape == (size[1], size[0], 3)


def test_a_large_picture_does_not_alias() -> None:
    stripes = np.zeros((300, 400, 3), np.uint8)
    stripes[:, ::2] = 200
    assert np.abs(cover(stripes, (100, 75)).astype(int) - 100).max() <= 1


def test_a_colour_is_blue_green_red() -> None:
    frame = noise_frame((64, 48))
    plate = StillPlate.of_colour(1, 2, 3).render(FramePyramid(frame), NO_PERSON)
    assert plate.shape == frame.image.shape
    assert plate.dtype == np.uint8
    assert (plate == (1, 2, 3)).all()


def test_a_still_plate_is_made_once_for_each_size() -> None:
    plate = StillPlate(coordinates((320, 180)))
    first = plate.render(FramePyramid(noise_frame((64, 48))), NO_PERSON)
    assert plate.render(FramePyramid(noise_frame((64, 48), seed=1)), NO_PERSON) is first
    turned = plate.render(FramePyramid(noise_frame((48, 64))), NO_PERSON)
    assert turned.shape == (64, 48, 3)
    assert np.array_equal(plate.render(FramePyramid(noise_frame((64, 48))), NO_PERSON), first)


def test_a_grey_plate_is_the_room_without_colour() -> None:
    frame = noise_frame((64, 48))
    plate = GreyPlate().render(FramePyramid(frame), NO_PERSON)
    assert (plate == plate[..., :1]).all()
    luma = frame.image @ (0.114, 0.587, 0.299)  # BT.601
    assert np.abs(plate[..., 0] - luma).max() <= 1  # OpenCV's weights are of 14 bits


GREY, RED = 128, (0, 0, 255)
SIZES: list[Size] = [(640, 360), (320, 180), (360, 640), (641, 357)]


def nobody(frame: Frame) -> FloatImage:
    return np.zeros(FramePyramid(frame).halved(EDGE_HALVINGS).shape[:2], np.float32)


def red_person(size: Size) -> tuple[Frame, FloatImage]:
    """A red disc with a soft edge in a grey room, and its alpha at full size."""
    alpha = disc(size, (size[0] / size[1] / 2, 0.6), 0.25 * min(1, size[0] / size[1]), 0.01)
    weight = alpha[..., None]
    return frame_of(np.rint(weight * RED + (1 - weight) * GREY).astype(np.uint8)), alpha


def small(alpha: FloatImage, frame: Frame) -> FloatImage:
    height, width = FramePyramid(frame).halved(EDGE_HALVINGS).shape[:2]
    return shrunk(alpha, (width, height))


def blurred(strength: float, frame: Frame, alpha: FloatImage) -> Image:
    """The plate at the frame's size, as the kernel shows it."""
    plate = BlurPlate(strength).render(FramePyramid(frame), alpha)
    return np.asarray(cv2.resize(plate, frame.size, interpolation=cv2.INTER_LINEAR), np.uint8)


def redness(plate: NDArray[np.uint8]) -> NDArray[np.int64]:
    return plate[..., 2].astype(np.int64) - plate[..., 1]


@pytest.mark.parametrize(("strength", "levels"), [(0, 30), (10, 30), (50, 6), (100, 4)])
@pytest.mark.parametrize("size", SIZES)
def test_the_person_does_not_bleed_into_the_room(
    size: Size, strength: float, levels: float
) -> None:
    frame, alpha = red_person(size)
    seen = redness(blurred(strength, frame, small(alpha, frame)))
    # Of 255 levels at the worst pixel; a plain Gaussian leaves 92. Alpha comes at an eighth of the
    # frame's size: a blur that is narrower than those 8 pixels keeps a trace beside the edge.
    assert seen[alpha == 0].max() <= levels
    # Behind the person the plate shows with a weight of 1 - alpha.
    assert ((1 - alpha) * seen)[alpha > 0].mean() <= 3


def test_stronger_is_smoother() -> None:
    frame = noise_frame((640, 360))
    strengths = (0, 5, 10, 20, 40, 70, 100)
    spread = [blurred(strength, frame, nobody(frame)).std() for strength in strengths]
    assert all(weaker > stronger for weaker, stronger in pairwise(spread))


@pytest.mark.parametrize("size", [(640, 360), (1280, 720), (360, 640)])
def test_the_weakest_blur_makes_small_print_unreadable(size: Size) -> None:
    image = np.full((size[1], size[0], 3), 255, np.uint8)
    letter_px = min(size) // 40
    font, scale = cv2.FONT_HERSHEY_SIMPLEX, letter_px / 22
    for y in range(2 * letter_px, size[1], 2 * letter_px):
        cv2.putText(image, "4111 1111 1111 1111 " * 8, (4, y), font, scale, (0, 0, 0), 1)
    frame = frame_of(image)
    plate = blurred(0, frame, nobody(frame))
    # Strokes a pixel wide, 255 levels deep, are what one reads by: differences between
    # neighbouring pixels fall to less than a fifth.
    edges = [np.abs(np.diff(p[..., 0].astype(int), axis=1)).mean() for p in (frame.image, plate)]
    assert edges[1] < edges[0] / 5


def test_strengths_grow_with_the_picture() -> None:
    """The same scene at twice the size looks the same."""
    small_frame = noise_frame((320, 180))
    large_frame = frame_of(small_frame.image.repeat(2, 0).repeat(2, 1))
    plate = blurred(50, small_frame, nobody(small_frame))
    large = blurred(50, large_frame, nobody(large_frame))
    halved = cv2.resize(large, (320, 180), interpolation=cv2.INTER_AREA)
    # A Gaussian of noise, 2.6 pixels wide or more at reduced size, enlarged linearly.
    assert np.abs(halved.astype(int) - plate).mean() < 1.5


@pytest.mark.parametrize("strength", [0, 50, 100])
@pytest.mark.parametrize("level", [0, 1, 120, 254, 255])
def test_a_flat_room_keeps_its_colour(strength: float, level: int) -> None:
    frame = frame_of(np.full((90, 160, 3), level, np.uint8))
    alpha = small(disc((160, 90), (0.9, 0.6), 0.3, 0.1), frame)
    for matte in (nobody(frame), alpha, np.ones_like(alpha)):
        assert (blurred(strength, frame, matte) == level).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (9, 9), (17, 300)])
@pytest.mark.parametrize("strength", [0, 50, 100])
def test_every_size_has_a_plate(size: Size, strength: float) -> None:
    frame = noise_frame(size)
    plate = blurred(strength, frame, nobody(frame))
    assert plate.shape == frame.image.shape
    assert plate.dtype == np.uint8
