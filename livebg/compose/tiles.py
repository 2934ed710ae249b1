"""Sorting a frame's tiles into background, person and mixed ones.

Only mixed tiles need an alpha at every pixel; the others are copied. On a webcam picture 7 to 10 %
of the tiles are mixed, which is where the speed of the compositing comes from.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from livebg.types import Box, Frame, Matte, Size

__all__ = ["BACKGROUND", "MIXED", "PERSON", "TILE_PX", "classify_tiles"]

TILE_PX = 16
"""Side of a tile in frame pixels."""

BACKGROUND, PERSON, MIXED = 0, 1, 2

_NEARLY_NONE = 4
_NEARLY_ALL = 251

_MEAN_OF_CHANNELS = np.full((1, 3), 1 / 3, np.float32)


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
    frame_size = frame.size
    grey = cv2.transform(frame.scaled(matte.size, matte.box), _MEAN_OF_CHANNELS)
    around = np.ones((3, 3), np.uint8)
    darkest = cv2.erode(grey, around) * np.float32(1 / 255)
    brightest = cv2.dilate(grey, around) * np.float32(1 / 255)
    ends = (matte.gain * darkest + matte.offset, matte.gain * brightest + matte.offset)
    lowest = _levels(np.minimum(*ends))
    highest = _levels(np.maximum(*ends))

    columns, rows = _tile_centres(matte, frame_size)
    reach = _reach(matte)
    at_tiles = np.ix_(rows, columns)
    tiles = np.full((rows.size, columns.size), MIXED, np.uint8)
    tiles[cv2.erode(lowest, reach)[at_tiles] >= _NEARLY_ALL] = PERSON
    tiles[cv2.dilate(highest, reach)[at_tiles] <= _NEARLY_NONE] = BACKGROUND
    _respect_box(tiles, matte.box, frame_size)
    return tiles


def _levels(alpha: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.asarray(cv2.convertScaleAbs(np.clip(alpha, 0, 1), alpha=255.0), np.uint8)


def _tile_centres(matte: Matte, frame_size: Size) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the matte's column under each column of tiles, and its row under each row."""

    def along(count: int, first: float, last: float, samples: int) -> NDArray[np.intp]:
        centres = (np.arange(-(-count // TILE_PX)) + 0.5) * TILE_PX
        position = (centres - first) * (samples / (last - first))
        return np.clip(position.astype(np.intp), 0, samples - 1)

    box, (width, height) = matte.box, matte.size
    return (
        along(frame_size[0], box.left, box.right, width),
        along(frame_size[1], box.top, box.bottom, height),
    )


def _reach(matte: Matte) -> NDArray[np.uint8]:
    """Return the window of matte pixels that the pixels of one tile interpolate between."""
    across = math.ceil(TILE_PX / 2 * matte.size[0] / matte.box.width) + 1
    down = math.ceil(TILE_PX / 2 * matte.size[1] / matte.box.height) + 1
    return np.ones((2 * down + 1, 2 * across + 1), np.uint8)


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
