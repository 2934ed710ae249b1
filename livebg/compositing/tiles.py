"""Where the pixels of a frame fall in a smaller plane, for bilinear upsampling.

Sorting a frame's tiles into background, person and mixed ones.

Only mixed tiles need an alpha at every pixel; the others are copied. On a webcam picture 7 to 10 %
of the tiles are mixed, which is where the speed of the compositing comes from.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from livebg.frame import Box, Frame, Matte, Size

__all__ = [
    "BACKGROUND",
    "MIXED",
    "NEARLY_ALL",
    "NEARLY_NONE",
    "PERSON",
    "TILE_PX",
    "Taps",
    "classify_tiles",
    "taps_of",
    "tile_grid",
]


_OUTSIDE = -1


class Taps(NamedTuple):
    """Bilinear taps of a plane for every column and row of a frame.

    Along each axis ``value = plane[index] * (1 - weight) + plane[index + 1] * weight``. A named
    tuple, because compiled code takes it as it is.

    Attributes:
        x_index: ``(W,)`` int32: the first tap of each column, or -1 where the plane has none.
        x_weight: ``(W,)`` float32 in 0..1: the weight of the second tap.
        y_index: ``(H,)`` int32, likewise for rows.
        y_weight: ``(H,)`` float32.
    """

    x_index: NDArray[np.int32]
    x_weight: NDArray[np.float32]
    y_index: NDArray[np.int32]
    y_weight: NDArray[np.float32]


def taps_of(frame_size: Size, box: Box, plane_size: Size) -> Taps:
    """Return where a frame's pixels fall in a plane that covers ``box`` of the frame.

    Pixel centres lie at half integers, as in the networks (``align_corners=False``).

    Args:
        frame_size: ``(width, height)`` of the frame.
        box: part of the frame that the plane covers.
        plane_size: ``(width, height)`` of the plane.
    """
    return Taps(
        *_along(frame_size[0], box.left, box.right, plane_size[0]),
        *_along(frame_size[1], box.top, box.bottom, plane_size[1]),
    )


def _along(
    count: int, first: float, last: float, samples: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    centres = np.arange(count, dtype=np.float64) + 0.5
    position = (centres - first) * (samples / (last - first)) - 0.5
    position = np.clip(position, 0.0, samples - 1.0)
    index = np.minimum(position.astype(np.int32), max(0, samples - 2))
    weight = (position - index).astype(np.float32)
    index[(centres < first) | (centres > last)] = _OUTSIDE
    return index, weight


TILE_PX = 16
"""Side of a tile in frame pixels."""

BACKGROUND, PERSON, MIXED = 0, 1, 2

NEARLY_NONE = np.float32(4.5 / 255)
"""Alpha that counts as nothing where a whole tile has no more."""

NEARLY_ALL = np.float32(250.5 / 255)
"""Alpha that counts as all where a whole tile has no less."""

_AROUND = np.ones((3, 3), np.uint8)


def classify_tiles(matte: Matte, frame: Frame) -> NDArray[np.uint8]:
    """Return the class of every tile.

    A network's alpha is rarely exactly 0 or 1, hence the thresholds of 4 and 251 of 255. The
    alpha is bounded on the matte's own grid, with the darkest and brightest grey of each pixel's
    surroundings, because the frame's detail within one of those pixels is not known there.

    Args:
        matte: the frame's matte.
        frame: the frame.

    Returns:
        ``(ceil(H / 16), ceil(W / 16))`` uint8 of ``BACKGROUND``, ``PERSON`` or ``MIXED``.
    """
    grey = frame.soft_grey(matte.size, matte.box)
    in_dark = cv2.add(cv2.multiply(matte.gain, cv2.erode(grey, _AROUND)), matte.offset)
    in_light = cv2.add(cv2.multiply(matte.gain, cv2.dilate(grey, _AROUND)), matte.offset)
    not_person = np.less(cv2.min(in_dark, in_light), NEARLY_ALL)
    not_background = np.greater(cv2.max(in_dark, in_light), NEARLY_NONE)

    columns, rows, reach = tile_grid(matte.size, matte.box, frame.size)
    somewhere_not_person = cv2.dilate(not_person.view(np.uint8), reach)
    somewhere_not_background = cv2.dilate(not_background.view(np.uint8), reach)
    tiles = np.full((rows.size, columns.size), MIXED, np.uint8)
    tiles[somewhere_not_person[rows][:, columns] == 0] = PERSON
    tiles[somewhere_not_background[rows][:, columns] == 0] = BACKGROUND
    _respect_box(tiles, matte.box, frame.size)
    return tiles


@lru_cache(maxsize=8)
def tile_grid(
    matte_size: Size, box: Box, frame_size: Size
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.uint8]]:
    """Return how tiles lie on the matte.

    Returns:
        the matte's column under the centre of each column of tiles, its row under each row, and
        the window of matte pixels, as ones, that the pixels of a tile interpolate between.
    """

    def along(count: int, first: float, last: float, samples: int) -> tuple[NDArray[np.intp], int]:
        centres = (np.arange(-(-count // TILE_PX)) + 0.5) * TILE_PX
        scale = samples / (last - first)
        under = np.clip(((centres - first) * scale).astype(np.intp), 0, samples - 1)
        # From the middle of a tile to that of its last pixel, and half a matte pixel further:
        # alpha is interpolated between the middles of those.
        return under, 2 * math.ceil((TILE_PX - 1) / 2 * scale + 0.5) + 1

    columns, across = along(frame_size[0], box.left, box.right, matte_size[0])
    rows, down = along(frame_size[1], box.top, box.bottom, matte_size[1])
    return columns, rows, np.ones((down, across), np.uint8)


def _respect_box(tiles: NDArray[np.uint8], box: Box, frame_size: Size) -> None:
    """Alpha is 0 outside the box: tiles there are background, tiles on its border mixed."""
    if box == Box.whole(frame_size):
        return
    left, top = np.arange(tiles.shape[1]) * TILE_PX, np.arange(tiles.shape[0]) * TILE_PX
    right = np.minimum(left + TILE_PX, frame_size[0])
    bottom = np.minimum(top + TILE_PX, frame_size[1])
    beside = (right <= box.left) | (left >= box.right)
    above = (bottom <= box.top) | (top >= box.bottom)
    cut_x = ~beside & ((left < box.left) | (right > box.right))
    cut_y = ~above & ((top < box.top) | (bottom > box.bottom))
    tiles[(cut_y[:, None] | cut_x[None, :]) & (tiles == PERSON)] = MIXED
    tiles[above[:, None] | beside[None, :]] = BACKGROUND
