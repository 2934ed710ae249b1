"""Scanline kernels: the compositing arithmetic of one row of pixels, compiled by numba.

Every loop runs from 0 over contiguous memory, which lets LLVM use vector instructions. Colours are
records where single channels count, and flat channels, ``B G R B G R ...``, where all are treated
alike: two views of the same memory.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from livebg.compositing.tiles import TILE_PX, EdgePlanes, MattePlanes, Taps
from livebg.pixels.encoding import copy_row
from livebg.pixels.jit import PIXEL, Picture, compiled, read_only

__all__ = [
    "CUTOUT",
    "EdgeBuffers",
    "MatteBuffers",
    "blend",
    "clean_colours",
    "compute_alpha",
    "copy_opaque",
    "cut_out",
    "edge_buffers",
    "empty_rows",
    "interpolate",
    "matte_buffers",
    "write_levels",
]

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
U8 = NDArray[np.uint8]

Records = NDArray[Any]
"""A structured array; in compiled code the dtype's fields are attributes of its elements."""

CUTOUT = np.dtype([("blue", "u1"), ("green", "u1"), ("red", "u1"), ("alpha", "u1")])
_COLOUR = np.dtype([("blue", "f4"), ("green", "f4"), ("red", "f4")])
_PERSON_AND_SCENE = np.dtype([("person", _COLOUR), ("scene", _COLOUR)])

_NO_COLOURS = np.zeros((2, 2, 6), np.float32)
_NONE, _FULL, _HALF = np.float32(0), np.float32(255), np.float32(0.5)


class MatteBuffers(NamedTuple):
    """A matte, and scratch buffers for its two rows around the current row of the frame.

    Attributes:
        held: ``(2,)`` int64: which row each buffer holds; row ``k`` is in buffer ``k % 2``.
        gain_rows, offset_rows: ``(2, W)`` float32: rows upsampled to the frame's columns.
        alpha: ``_COLOUR``, a tile high: the result, the same in each channel.
    """

    gain: F32
    offset: F32
    taps: Taps
    held: NDArray[np.int64]
    gain_rows: F32
    offset_rows: F32
    alpha: Picture


class EdgeBuffers(NamedTuple):
    """The colours beside the edge, and scratch buffers for them; see ``MatteBuffers``.

    Attributes:
        known: False where the frame's own colours are kept.
        person, scene: ``(h, w)`` of ``_COLOUR``, blurred.
        person_rows, scene_rows: ``_COLOUR``, two rows each.
        clean: ``PIXEL``, a tile high: the result.
    """

    known: bool
    person: Records
    scene: Records
    taps: Taps
    held: NDArray[np.int64]
    person_rows: Picture
    scene_rows: Picture
    clean: Picture


def matte_buffers(matte: MattePlanes, width: int) -> MatteBuffers:
    """Return ``matte`` with empty buffers for frames of ``width``."""
    rows = np.empty((2, 2, width), np.float32)
    return MatteBuffers(
        read_only(matte.gain),
        read_only(matte.offset),
        matte.taps,
        np.empty(2, np.int64),
        rows[0],
        rows[1],
        empty_rows(TILE_PX, width, _COLOUR),
    )


def edge_buffers(edge: EdgePlanes, width: int) -> EdgeBuffers:
    """Return the edge's colours with empty buffers for frames of ``width``."""
    known = edge.colours.size > 0
    both = read_only(edge.colours if known else _NO_COLOURS).view(_PERSON_AND_SCENE)[..., 0]
    return EdgeBuffers(
        known,
        both["person"],
        both["scene"],
        edge.taps,
        np.empty(2, np.int64),
        empty_rows(2, width, _COLOUR),
        empty_rows(2, width, _COLOUR),
        empty_rows(TILE_PX, width, PIXEL),
    )


def empty_rows(count: int, width: int, kind: np.dtype[Any]) -> Picture:
    """Return ``count`` rows of ``kind``, ``_COLOUR`` or ``PIXEL``."""
    channels = np.empty((count, 3 * width), kind["blue"])
    return Picture(channels.view(kind), channels)


@compiled
def compute_alpha(
    pixels: Records, matte: MatteBuffers, top: int, bottom: int, left: int, right: int
) -> None:
    """Fill ``matte.alpha`` from its left with the alpha of an area of the frame."""
    taps = matte.taps
    width = right - left
    index, weight = taps.x_index[left:right], taps.x_weight[left:right]
    matte.held[:] = -1
    for y in range(top, bottom):
        i = max(taps.y_index[y], 0)
        j = min(i + 1, matte.gain.shape[0] - 1)
        for k in range(i, j + 1):
            row = k % 2
            if matte.held[row] != k:
                matte.held[row] = k
                _upsample(matte.gain[k], index, weight, matte.gain_rows[row, :width])
                _upsample(matte.offset[k], index, weight, matte.offset_rows[row, :width])
        _apply_matte(
            pixels[y, left:right],
            matte.gain_rows[i % 2, :width],
            matte.gain_rows[j % 2, :width],
            matte.offset_rows[i % 2, :width],
            matte.offset_rows[j % 2, :width],
            taps.y_weight[y],
            matte.alpha.pixels[y - top, :width],
        )
        if taps.y_index[y] < 0:
            matte.alpha.channels[y - top, : 3 * width] = 0


@compiled
def clean_colours(
    channels: U8, alpha: F32, edge: EdgeBuffers, top: int, bottom: int, left: int, right: int
) -> None:
    """Fill ``edge.clean`` from its left with the person's own colours in an area of the frame."""
    width, size = right - left, 3 * (right - left)
    taps = edge.taps
    index, weight = taps.x_index[left:right], taps.x_weight[left:right]
    edge.held[:] = -1
    for y in range(top, bottom):
        if not edge.known:
            copy_row(channels[y, 3 * left : 3 * right], edge.clean.channels[y - top, :size])
            continue
        i = taps.y_index[y]
        j = min(i + 1, edge.person.shape[0] - 1)
        for k in range(i, j + 1):
            row = k % 2
            if edge.held[row] != k:
                edge.held[row] = k
                person, scene = edge.person_rows.pixels[row], edge.scene_rows.pixels[row]
                _upsample_colours(edge.person[k], index, weight, person[:width])
                _upsample_colours(edge.scene[k], index, weight, scene[:width])
        _clean(
            channels[y, 3 * left : 3 * right],
            alpha[y - top, :size],
            edge.person_rows.channels[i % 2, :size],
            edge.person_rows.channels[j % 2, :size],
            edge.scene_rows.channels[i % 2, :size],
            edge.scene_rows.channels[j % 2, :size],
            taps.y_weight[y],
            edge.clean.channels[y - top, :size],
        )


@compiled
def _upsample(values: F32, index: I32, weight: F32, row: F32) -> None:
    """Read a row of a small plane at the columns of ``row``; 0 where the plane has none."""
    last = values.size - 1
    for n in range(row.size):
        k = index[n]
        first = values[max(k, 0)]
        value = first + weight[n] * (values[min(k + 1, last)] - first)
        row[n] = value if k >= 0 else _NONE


@compiled
def _upsample_colours(values: Records, index: I32, weight: F32, row: Records) -> None:
    """Read a row of a small plane of ``_COLOUR`` at the columns of ``row``."""
    last = values.size - 1
    for n in range(row.size):
        first, second = values[index[n]], values[min(index[n] + 1, last)]
        across = weight[n]
        row[n].blue = first.blue + across * (second.blue - first.blue)
        row[n].green = first.green + across * (second.green - first.green)
        row[n].red = first.red + across * (second.red - first.red)


@compiled
def _apply_matte(
    pixels: Records,
    gain_above: F32,
    gain_below: F32,
    offset_above: F32,
    offset_below: F32,
    down: np.float32,
    alpha: Records,
) -> None:
    """Write the alpha of a row of ``PIXEL``, 0..1, to every channel of ``alpha``, a ``_COLOUR``.

    Gain and offset lie between rows of the matte; those below have the weight ``down``.
    """
    level = np.float32(1 / 765)
    for n in range(alpha.size):
        pixel = pixels[n]
        grey = np.float32(pixel.blue) + np.float32(pixel.green) + np.float32(pixel.red)
        factor = gain_above[n] + down * (gain_below[n] - gain_above[n])
        value = offset_above[n] + down * (offset_below[n] - offset_above[n])
        value = min(max(value + factor * (grey * level), _NONE), np.float32(1))
        alpha[n].blue = value
        alpha[n].green = value
        alpha[n].red = value


@compiled
def _clean(
    channels: U8,
    alpha: F32,
    person_above: F32,
    person_below: F32,
    scene_above: F32,
    scene_below: F32,
    down: np.float32,
    out: U8,
) -> None:
    """Write the person's own colours to ``out`` (Forte & Pitie 2021, eq. 6).

    ``F = F_blurred + alpha (I - alpha F_blurred - (1 - alpha) B_blurred)``, with the blurred
    colours between the rows above and below, the latter with the weight ``down``.
    """
    for n in range(out.size):
        person = person_above[n] + down * (person_below[n] - person_above[n])
        scene = scene_above[n] + down * (scene_below[n] - scene_above[n])
        mixed = scene + alpha[n] * (person - scene)
        value = person + alpha[n] * (np.float32(channels[n]) - mixed)
        out[n] = np.uint8(min(max(value, _NONE), _FULL) + _HALF)


@compiled
def copy_opaque(pixels: Records, target: Records) -> None:
    """Copy ``PIXEL`` to ``CUTOUT``, with full alpha."""
    for n in range(target.size):
        target[n].blue = pixels[n].blue
        target[n].green = pixels[n].green
        target[n].red = pixels[n].red
        target[n].alpha = 255


@compiled
def interpolate(upper: U8, lower: U8, down: np.float32, target: U8) -> None:
    """Interpolate two rows of channels; the lower one's weight is ``down``, in whole 256ths."""
    below = np.int32(down * np.float32(256) + _HALF)
    above = np.int32(256) - below
    for n in range(target.size):
        target[n] = (upper[n] * above + lower[n] * below + 128) >> 8


@compiled
def blend(channels: U8, alpha: F32, out: U8) -> None:
    """Blend ``channels`` over those in ``out``."""
    for n in range(out.size):
        under = np.float32(out[n])
        out[n] = np.uint8(under + alpha[n] * (np.float32(channels[n]) - under) + _HALF)


@compiled
def cut_out(pixels: Records, alpha: Records, out: Records) -> None:
    """Write ``PIXEL`` and alpha as ``CUTOUT``; where alpha is level 0 the colours are 0 too."""
    for n in range(out.size):
        level = np.uint8(alpha[n].blue * _FULL + _HALF)
        visible = np.uint8(255 if level > 0 else 0)
        out[n].blue = pixels[n].blue & visible
        out[n].green = pixels[n].green & visible
        out[n].red = pixels[n].red & visible
        out[n].alpha = level


@compiled
def write_levels(alpha: Records, out: U8) -> None:
    """Write alpha as levels, 0..255."""
    for n in range(out.size):
        out[n] = np.uint8(alpha[n].blue * _FULL + _HALF)
