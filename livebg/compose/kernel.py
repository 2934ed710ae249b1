"""The compositing kernel: one pass over a frame's tiles, compiled by numba.

Background tiles are copied from the plate and person tiles from the frame. In mixed tiles the
coefficients are upsampled, applied to the frame's grey values, the edge colour is cleaned and the
pixel is blended, row by row, without any full-size plane in between. ``kernel_numpy`` has the
same functions without numba, and a test holds the two together.

Arguments that the functions share:
    frame: ``(H, W, 3)`` uint8 BGR.
    tiles: ``(ceil(H / 16), ceil(W / 16))`` uint8 classes; see ``tiles``.
    gain, offset: ``(h, w)`` float32: the matte.
    taps: where the frame's pixels fall in the matte; see ``sampling``.
    colours: ``(h', w', 6)`` float32: blurred B, G, R of the person, then of the room (see
        ``livebg.refine.edge_colour``); with no rows, the frame's colours stay as they are.
    colour_taps: where the frame's pixels fall in ``colours``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from livebg.compose.sampling import Taps

__all__ = ["blend_tiles", "cutout_tiles", "matte_tiles"]

_TILE = 16
_BACKGROUND, _MIXED = 0, 2

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]

_Function = TypeVar("_Function", bound=Callable[..., Any])


def _compiled(function: _Function) -> _Function:
    return cast(_Function, njit(cache=True, nogil=True, fastmath=True)(function))


@_compiled
def _run_end(tiles: U8, row: int, start: int) -> int:
    """Return the first column of tiles right of ``start`` that is of another class."""
    end = start + 1
    while end < tiles.shape[1] and tiles[row, end] == tiles[row, start]:
        end += 1
    return end


@_compiled
def _copy_run(source: U8, target: U8) -> None:
    """Copy ``(n, 3)`` pixels; alpha, where the target has it, becomes 255."""
    for n in range(source.shape[0]):
        for c in range(3):
            target[n, c] = source[n, c]
        if target.shape[1] == 4:
            target[n, 3] = 255


@_compiled
def _alpha_run(
    pixels: U8, gain: F32, offset: F32, taps: Taps, y: int, left: int, alpha: F32
) -> None:
    """Fill ``alpha`` for the pixels of row ``y`` from column ``left`` on."""
    if taps.y_index[y] < 0:
        alpha[:] = 0
        return
    level = np.float32(1 / 765)
    down = taps.y_weight[y]
    i = taps.y_index[y]
    j = min(i + 1, gain.shape[0] - 1)
    last = gain.shape[1] - 1
    for n in range(alpha.size):
        tap = taps.x_index[left + n]
        k = max(tap, 0)
        m = min(k + 1, last)
        right = taps.x_weight[left + n]
        a0 = gain[i, k] + right * (gain[i, m] - gain[i, k])
        a1 = gain[j, k] + right * (gain[j, m] - gain[j, k])
        b0 = offset[i, k] + right * (offset[i, m] - offset[i, k])
        b1 = offset[j, k] + right * (offset[j, m] - offset[j, k])
        total = np.float32(pixels[n, 0]) + np.float32(pixels[n, 1]) + np.float32(pixels[n, 2])
        value = (a0 + down * (a1 - a0)) * (total * level) + b0 + down * (b1 - b0)
        inside = np.float32(1 if tap >= 0 else 0)
        alpha[n] = inside * min(max(value, np.float32(0)), np.float32(1))


@_compiled
def _clean_run(
    pixels: U8, alpha: F32, colours: F32, taps: Taps, y: int, left: int, clean: U8
) -> None:
    """Write the person's own colours to ``clean`` (Forte & Pitie 2021, eq. 6).

    ``F = F_blurred + alpha (I - alpha F_blurred - (1 - alpha) B_blurred)``
    """
    down = taps.y_weight[y]
    i = taps.y_index[y]
    j = min(i + 1, colours.shape[0] - 1)
    last = colours.shape[1] - 1
    for n in range(alpha.size):
        k = taps.x_index[left + n]
        m = min(k + 1, last)
        right = taps.x_weight[left + n]
        w11 = right * down
        w10 = right - w11
        w01 = down - w11
        w00 = np.float32(1) - right - w01
        a = alpha[n]
        for c in range(3):
            person = (
                w00 * colours[i, k, c]
                + w10 * colours[i, m, c]
                + w01 * colours[j, k, c]
                + w11 * colours[j, m, c]
            )
            room = (
                w00 * colours[i, k, c + 3]
                + w10 * colours[i, m, c + 3]
                + w01 * colours[j, k, c + 3]
                + w11 * colours[j, m, c + 3]
            )
            mixed = room + a * (person - room)
            value = person + a * (np.float32(pixels[n, c]) - mixed)
            value = min(max(value, np.float32(0)), np.float32(255))
            clean[n, c] = np.uint8(value + np.float32(0.5))


@_compiled
def _blend_run(pixels: U8, alpha: F32, plate: U8, out: U8) -> None:
    for n in range(alpha.size):
        a = alpha[n]
        for c in range(3):
            under = np.float32(plate[n, c])
            out[n, c] = np.uint8(under + a * (np.float32(pixels[n, c]) - under) + np.float32(0.5))


@_compiled
def blend_tiles(
    frame: U8,
    plate: U8,
    tiles: U8,
    gain: F32,
    offset: F32,
    taps: Taps,
    colours: F32,
    colour_taps: Taps,
    out: U8,
) -> None:
    """Blend ``frame`` over ``plate`` into ``out``, both ``(H, W, 3)`` uint8 BGR."""
    height, width = frame.shape[:2]
    alpha_line = np.empty(width, np.float32)
    clean_line = np.empty((width, 3), np.uint8)
    for row in range(tiles.shape[0]):
        top, bottom = row * _TILE, min(height, row * _TILE + _TILE)
        column = 0
        while column < tiles.shape[1]:
            kind, end = tiles[row, column], _run_end(tiles, row, column)
            left, right = column * _TILE, min(width, end * _TILE)
            column = end
            if kind != _MIXED:
                source = plate if kind == _BACKGROUND else frame
                for y in range(top, bottom):
                    _copy_run(source[y, left:right], out[y, left:right])
                continue
            alpha = alpha_line[: right - left]
            clean = clean_line[: right - left]
            for y in range(top, bottom):
                pixels = frame[y, left:right]
                _alpha_run(pixels, gain, offset, taps, y, left, alpha)
                if colours.shape[0] > 0:
                    _clean_run(pixels, alpha, colours, colour_taps, y, left, clean)
                    pixels = clean
                _blend_run(pixels, alpha, plate[y, left:right], out[y, left:right])


@_compiled
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
    """Write the person alone to ``out``, ``(H, W, 4)`` uint8 BGRA with straight alpha.

    Where alpha is 0 the colours are 0 too: nothing of the room is hidden in the picture.
    """
    height, width = frame.shape[:2]
    alpha_line = np.empty(width, np.float32)
    clean_line = np.empty((width, 3), np.uint8)
    for row in range(tiles.shape[0]):
        top, bottom = row * _TILE, min(height, row * _TILE + _TILE)
        column = 0
        while column < tiles.shape[1]:
            kind, end = tiles[row, column], _run_end(tiles, row, column)
            left, right = column * _TILE, min(width, end * _TILE)
            column = end
            if kind == _BACKGROUND:
                out[top:bottom, left:right] = 0
                continue
            alpha = alpha_line[: right - left]
            clean = clean_line[: right - left]
            for y in range(top, bottom):
                pixels = frame[y, left:right]
                if kind != _MIXED:
                    _copy_run(pixels, out[y, left:right])
                    continue
                _alpha_run(pixels, gain, offset, taps, y, left, alpha)
                if colours.shape[0] > 0:
                    _clean_run(pixels, alpha, colours, colour_taps, y, left, clean)
                    pixels = clean
                for n in range(alpha.size):
                    level = np.uint8(alpha[n] * np.float32(255) + np.float32(0.5))
                    out[y, left + n, 3] = level
                    for c in range(3):
                        out[y, left + n, c] = pixels[n, c] if level > 0 else 0


@_compiled
def matte_tiles(frame: U8, tiles: U8, gain: F32, offset: F32, taps: Taps, out: U8) -> None:
    """Write the alpha that ``blend_tiles`` uses to ``out``, ``(H, W)`` uint8."""
    height, width = frame.shape[:2]
    alpha_line = np.empty(width, np.float32)
    for row in range(tiles.shape[0]):
        top, bottom = row * _TILE, min(height, row * _TILE + _TILE)
        column = 0
        while column < tiles.shape[1]:
            kind, end = tiles[row, column], _run_end(tiles, row, column)
            left, right = column * _TILE, min(width, end * _TILE)
            column = end
            if kind != _MIXED:
                out[top:bottom, left:right] = 0 if kind == _BACKGROUND else 255
                continue
            alpha = alpha_line[: right - left]
            for y in range(top, bottom):
                _alpha_run(frame[y, left:right], gain, offset, taps, y, left, alpha)
                for n in range(alpha.size):
                    out[y, left + n] = np.uint8(alpha[n] * np.float32(255) + np.float32(0.5))
