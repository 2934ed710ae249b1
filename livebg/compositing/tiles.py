"""Tiles of a frame: their classification, and the compositing of them with numpy.

Only mixed tiles need an alpha at every pixel; the others are copied. On a webcam picture 7 to 10 %
of the tiles are mixed, which makes the compositing fast. The functions at the end are those of
``kernel`` for Pythons that numba does not support: the same pixels to within one level, twenty
times slower.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain, pairwise
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from livebg.frame import BGR, Box, FramePyramid, Matte, PixelFormat, Size
from livebg.pixels.conversion import encode_with_numpy

__all__ = [
    "BACKGROUND",
    "MIXED",
    "PERSON",
    "TILE_PX",
    "EdgePlanes",
    "MattePlanes",
    "Taps",
    "blend_tiles",
    "classify_tiles",
    "cutout_tiles",
    "matte_tiles",
    "taps_of",
]

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]

TILE_PX = 16
"""Side of a tile in frame pixels."""

BACKGROUND, PERSON, MIXED = 0, 1, 2

_NEARLY_NONE = np.float32(4.5 / 255)
"""Alpha that counts as nothing where a whole tile has no more."""

_NEARLY_ALL = np.float32(250.5 / 255)
"""Alpha that counts as all where a whole tile has no less."""

_OUTSIDE = -1
_AROUND = np.ones((3, 3), np.uint8)


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
    x_weight: F32
    y_index: NDArray[np.int32]
    y_weight: F32


class MattePlanes(NamedTuple):
    """A matte as the kernel takes it: ``(h, w)`` float32 gain and offset, and their taps."""

    gain: F32
    offset: F32
    taps: Taps


class EdgePlanes(NamedTuple):
    """The colours beside the edge, ``(h, w, 6)`` float32, and their taps.

    With no rows, the frame's colours stay as they are; see ``livebg.compositing.edge_colour``.
    """

    colours: F32
    taps: Taps


@lru_cache(maxsize=16)
def taps_of(frame_size: Size, box: Box, plane_size: Size) -> Taps:
    """Return where a frame's pixels fall in a plane that covers ``box`` of the frame.

    Pixel centres lie at half integers, as in the networks (``align_corners=False``). The arrays
    are shared by all callers; do not modify them.
    """
    return Taps(
        *_taps_along(frame_size[0], box.left, box.right, plane_size[0]),
        *_taps_along(frame_size[1], box.top, box.bottom, plane_size[1]),
    )


def _taps_along(
    count: int, first: float, last: float, samples: int
) -> tuple[NDArray[np.int32], F32]:
    centres = np.arange(count, dtype=np.float64) + 0.5
    position = (centres - first) * (samples / (last - first)) - 0.5
    position = np.clip(position, 0.0, samples - 1.0)
    index = np.minimum(position.astype(np.int32), max(0, samples - 2))
    weight = (position - index).astype(np.float32)
    index[(centres < first) | (centres > last)] = _OUTSIDE
    return index, weight


def classify_tiles(matte: Matte, pyramid: FramePyramid) -> NDArray[np.uint8]:
    """Return the class of every tile.

    A network's alpha is rarely exactly 0 or 1, hence the thresholds of 4 and 251 of 255. The
    alpha is bounded on the matte's own grid, with the darkest and brightest grey of each pixel's
    surroundings, because the frame's detail within one of those pixels is not known there.

    Returns:
        ``(ceil(H / 16), ceil(W / 16))`` uint8 of ``BACKGROUND``, ``PERSON`` or ``MIXED``.
    """
    grey = pyramid.soft_grey(matte.size, matte.box)
    in_dark = cv2.add(cv2.multiply(matte.gain, cv2.erode(grey, _AROUND)), matte.offset)
    in_light = cv2.add(cv2.multiply(matte.gain, cv2.dilate(grey, _AROUND)), matte.offset)
    not_person = np.less(cv2.min(in_dark, in_light), _NEARLY_ALL)
    not_background = np.greater(cv2.max(in_dark, in_light), _NEARLY_NONE)

    columns, rows, reach = _tile_grid(matte.size, matte.box, pyramid.size)
    somewhere_not_person = cv2.dilate(not_person.view(np.uint8), reach)
    somewhere_not_background = cv2.dilate(not_background.view(np.uint8), reach)
    tiles = np.full((rows.size, columns.size), MIXED, np.uint8)
    tiles[somewhere_not_person[rows][:, columns] == 0] = PERSON
    tiles[somewhere_not_background[rows][:, columns] == 0] = BACKGROUND
    _respect_box(tiles, matte.box, pyramid.size)
    return tiles


@lru_cache(maxsize=8)
def _tile_grid(
    matte_size: Size, box: Box, frame_size: Size
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.uint8]]:
    """Return the matte's column and row under the centres of tiles, and a tile's reach.

    That is the window of matte pixels, as ones, that the pixels of a tile interpolate between.
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


def blend_tiles(
    frame: U8,
    plate: U8,
    plate_taps: Taps,
    tiles: U8,
    matte: MattePlanes,
    edge: EdgePlanes,
    out: U8,
    pixel_format: PixelFormat = BGR,
    encoded_plate: U8 | None = None,
) -> None:
    """Blend ``frame`` over ``plate`` into ``out``; see ``kernel.blend_tiles``."""
    target = out if pixel_format == BGR else np.empty_like(frame)
    for area, kind in _runs(tiles, frame.shape):
        if kind == PERSON:
            target[area] = frame[area]
            continue
        under = _plate_at(plate, plate_taps, area, frame.shape[0])
        if kind == MIXED:
            alpha = _alpha_at(frame, matte, area)
            pixels = _clean(frame, alpha, edge, area)
            target[area] = under + alpha[..., None] * (pixels - under) + np.float32(0.5)
        else:
            target[area] = under
    if target is not out:
        out[:] = encode_with_numpy(target, pixel_format)


def cutout_tiles(frame: U8, tiles: U8, matte: MattePlanes, edge: EdgePlanes, out: U8) -> None:
    """Write the person alone to ``out``; see ``kernel.cutout_tiles``."""
    for area, kind in _runs(tiles, frame.shape):
        if kind == BACKGROUND:
            out[area] = 0
        elif kind == PERSON:
            out[area][..., :3] = frame[area]
            out[area][..., 3] = 255
        else:
            alpha = _alpha_at(frame, matte, area)
            level = (alpha * np.float32(255) + np.float32(0.5)).astype(np.uint8)
            out[area][..., :3] = np.where(level[..., None] > 0, _clean(frame, alpha, edge, area), 0)
            out[area][..., 3] = level


def matte_tiles(frame: U8, tiles: U8, matte: MattePlanes, out: U8) -> None:
    """Write the alpha that ``blend_tiles`` uses to ``out``, ``(H, W)`` uint8."""
    for area, kind in _runs(tiles, frame.shape):
        if kind == MIXED:
            out[area] = _alpha_at(frame, matte, area) * np.float32(255) + np.float32(0.5)
        else:
            out[area] = 0 if kind == BACKGROUND else 255


Area = tuple[slice, slice]


def _runs(tiles: U8, shape: tuple[int, ...]) -> Iterator[tuple[Area, int]]:
    """Yield the frame area and the class of every run of equal tiles in a row."""
    for row, line in enumerate(tiles):
        changes = np.flatnonzero(np.diff(line)) + 1
        for start, end in pairwise(chain((0,), changes.tolist(), (line.size,))):
            area = (
                slice(row * TILE_PX, min(shape[0], (row + 1) * TILE_PX)),
                slice(start * TILE_PX, min(shape[1], end * TILE_PX)),
            )
            yield area, int(line[start])


def _plate_at(plate: U8, taps: Taps, area: Area, height: int) -> U8:
    """Return the plate at the pixels of ``area``, between its rows where it has fewer."""
    if plate.shape[0] == height:
        return plate[area]
    rows, columns = area
    top = taps.y_index[rows]
    below = np.rint(taps.y_weight[rows, None, None] * 256).astype(np.uint16)
    upper, lower = plate[top, columns], plate[np.minimum(top + 1, plate.shape[0] - 1), columns]
    return np.asarray((upper * (256 - below) + lower * below + 128) >> 8, np.uint8)


def _upsample(plane: F32, taps: Taps, area: Area) -> F32:
    """Return ``plane`` bilinearly at the pixels of ``area``.

    Before OpenCV 5, ``cv2.remap`` rounds positions to 1/32 of a pixel: several levels of alpha.
    """
    rows, columns = area
    top, left = taps.y_index[rows].clip(0), taps.x_index[columns].clip(0)
    down, across = taps.y_weight[rows, None, None], taps.x_weight[columns, None]
    upper, lower = plane[top], plane[np.minimum(top + 1, plane.shape[0] - 1)]
    lines = upper + down * (lower - upper)
    first = lines.take(left, axis=1)
    second = lines.take(np.minimum(left + 1, plane.shape[1] - 1), axis=1)
    return np.asarray(first + across * (second - first), np.float32)


def _alpha_at(frame: U8, matte: MattePlanes, area: Area) -> F32:
    grey = frame[area].sum(axis=2, dtype=np.float32) * np.float32(1 / 765)
    planes = _upsample(np.dstack([matte.gain, matte.offset]), matte.taps, area)
    alpha = np.clip(planes[..., 0] * grey + planes[..., 1], 0, 1)
    alpha[matte.taps.y_index[area[0]] < 0, :] = 0
    alpha[:, matte.taps.x_index[area[1]] < 0] = 0
    return np.asarray(alpha, np.float32)


def _clean(frame: U8, alpha: F32, edge: EdgePlanes, area: Area) -> F32:
    """Return the pixels of ``area`` in the person's own colours, whole numbers as float32."""
    pixels = frame[area].astype(np.float32)
    if not edge.colours.shape[0]:
        return pixels
    both = _upsample(edge.colours, edge.taps, area)
    person, scene = both[..., :3], both[..., 3:]
    weight = alpha[..., None]
    estimate = person + weight * (pixels - scene - weight * (person - scene))
    return np.asarray(np.floor(np.clip(estimate, 0, 255) + np.float32(0.5)), np.float32)
