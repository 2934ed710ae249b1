"""The compositing kernel's functions with numpy alone, for Pythons that numba does not support.

The same pixels to within one level, twenty times slower: every run of mixed tiles is processed as
one rectangle. Arguments are those of ``livebg.compositing.kernel``.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, pairwise

import numpy as np
from numpy.typing import NDArray

from livebg.compositing.tiles import BACKGROUND, MIXED, PERSON, TILE_PX, Taps
from livebg.frame import BGR, PixelFormat
from livebg.pixels.conversion import encode_with_numpy

__all__ = ["blend_tiles", "cutout_tiles", "matte_tiles"]

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]


def blend_tiles(
    frame: U8,
    plate: U8,
    plate_taps: Taps,
    tiles: U8,
    gain: F32,
    offset: F32,
    taps: Taps,
    colours: F32,
    colour_taps: Taps,
    out: U8,
    pixel_format: PixelFormat = BGR,
    encoded_plate: U8 | None = None,
) -> None:
    """Blend ``frame`` over ``plate`` into ``out``, a picture of the frame's size."""
    blend = out if pixel_format == BGR else np.empty_like(frame)
    for area, kind in _runs(tiles, frame.shape):
        if kind == BACKGROUND:
            blend[area] = _spread(plate, plate_taps, area, frame.shape[0])
        elif kind == PERSON:
            blend[area] = frame[area]
        else:
            alpha = _alpha(frame, gain, offset, taps, area)
            pixels = _clean(frame, alpha, colours, colour_taps, area)
            under = _spread(plate, plate_taps, area, frame.shape[0]).astype(np.float32)
            blend[area] = under + alpha[..., None] * (pixels - under) + np.float32(0.5)
    if blend is not out:
        out[:] = encode_with_numpy(blend, pixel_format)


def cutout_tiles(
    frame: U8,
    tiles: U8,
    gain: F32,
    offset: F32,
    taps: Taps,
    colours: F32,
    colour_taps: Taps,
    out: U8,
) -> None:
    """Write the person alone to ``out``, ``(H, W, 4)`` uint8 BGRA with straight alpha."""
    for area, kind in _runs(tiles, frame.shape):
        if kind == BACKGROUND:
            out[area] = 0
        elif kind == PERSON:
            out[area][..., :3] = frame[area]
            out[area][..., 3] = 255
        else:
            alpha = _alpha(frame, gain, offset, taps, area)
            pixels = _clean(frame, alpha, colours, colour_taps, area)
            level = (alpha * np.float32(255) + np.float32(0.5)).astype(np.uint8)
            out[area][..., :3] = np.where(level[..., None] > 0, pixels, 0)
            out[area][..., 3] = level


def matte_tiles(frame: U8, tiles: U8, gain: F32, offset: F32, taps: Taps, out: U8) -> None:
    """Write the alpha that ``blend_tiles`` uses to ``out``, ``(H, W)`` uint8."""
    for area, kind in _runs(tiles, frame.shape):
        if kind != MIXED:
            out[area] = 0 if kind == BACKGROUND else 255
        else:
            alpha = _alpha(frame, gain, offset, taps, area)
            out[area] = alpha * np.float32(255) + np.float32(0.5)


def _runs(tiles: U8, shape: tuple[int, ...]) -> Iterator[tuple[tuple[slice, slice], int]]:
    """Yield the frame area and the class of every run of equal tiles in a row."""
    for row, line in enumerate(tiles):
        changes = np.flatnonzero(np.diff(line)) + 1
        for start, end in pairwise(chain((0,), changes.tolist(), (line.size,))):
            area = (
                slice(row * TILE_PX, min(shape[0], (row + 1) * TILE_PX)),
                slice(start * TILE_PX, min(shape[1], end * TILE_PX)),
            )
            yield area, int(line[start])


def _spread(plate: U8, taps: Taps, area: tuple[slice, slice], height: int) -> U8:
    """Return the plate at the pixels of ``area``, between its rows where it has fewer."""
    if plate.shape[0] == height:
        return plate[area]
    rows, columns = area
    top = taps.y_index[rows]
    below = np.rint(taps.y_weight[rows, None, None] * 256).astype(np.uint16)
    upper, lower = plate[top, columns], plate[np.minimum(top + 1, plate.shape[0] - 1), columns]
    return np.asarray((upper * (256 - below) + lower * below + 128) >> 8, np.uint8)


def _upsample(plane: F32, taps: Taps, area: tuple[slice, slice]) -> F32:
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


def _alpha(frame: U8, gain: F32, offset: F32, taps: Taps, area: tuple[slice, slice]) -> F32:
    grey = frame[area].sum(axis=2, dtype=np.float32) * np.float32(1 / 765)
    planes = _upsample(np.dstack([gain, offset]), taps, area)
    alpha = np.clip(planes[..., 0] * grey + planes[..., 1], 0, 1)
    alpha[taps.y_index[area[0]] < 0, :] = 0
    alpha[:, taps.x_index[area[1]] < 0] = 0
    return np.asarray(alpha, np.float32)


def _clean(frame: U8, alpha: F32, colours: F32, taps: Taps, area: tuple[slice, slice]) -> F32:
    """Return the pixels of ``area`` in the person's own colours, whole numbers as float32."""
    pixels = frame[area].astype(np.float32)
    if not colours.shape[0]:
        return pixels
    both = _upsample(colours, taps, area)
    person, room = both[..., :3], both[..., 3:]
    weight = alpha[..., None]
    estimate = person + weight * (pixels - room - weight * (person - room))
    return np.asarray(np.floor(np.clip(estimate, 0, 255) + np.float32(0.5)), np.float32)
