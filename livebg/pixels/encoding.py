"""Encoding of BGR pictures into every pixel format, compiled by numba.

Every loop runs from 0 over contiguous memory, which lets LLVM use vector instructions; so rows of
pixels are summed up first, and pairs of columns then.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from livebg.frame import PixelFormat
from livebg.pixels.colour_matrix import TO_YUV
from livebg.pixels.jit import compiled, picture

__all__ = ["BGR", "Canvas", "canvas", "copy_area", "copy_row", "encode", "encode_area"]

I16 = NDArray[np.int16]
I32 = NDArray[np.int32]
U8 = NDArray[np.uint8]
U16 = NDArray[np.uint16]
U32 = NDArray[np.uint32]

Records = NDArray[Any]
"""A structured array; in compiled code the dtype's fields are attributes of its elements."""

BGR, _RGB, _I420, _NV12, _YUY2 = range(5)
"""The layouts as compiled code tells them apart."""

_LAYOUTS = {"bgr": BGR, "rgb": _RGB, "i420": _I420, "nv12": _NV12, "yuy2": _YUY2}

_NO_WEIGHTS = np.zeros((3, 3), np.int32)


class Canvas(NamedTuple):
    """The planes of a picture, and lines to work in.

    Attributes:
        weights: see ``TO_YUV``.
        first: ``(H, n)``: the rows of a packed picture, or the luma.
        second: ``(H / 2, n)``: U, or U V U V ...; empty in a packed picture.
        third: ``(H / 2, n)``: V; empty in all but ``I420``.
        sums: ``(3, W)`` uint16, W even: blue, green and red of two rows.
        pairs: ``(3, W / 2)`` uint32: the same memory, two columns in one number.
        means: ``(3, W / 2)`` int16: blue, green and red of two by two pixels.
        lines: ``(3, W)`` uint8: luma, U and V of a row.
    """

    layout: int
    weights: NDArray[np.int32]
    first: NDArray[np.uint8]
    second: NDArray[np.uint8]
    third: NDArray[np.uint8]
    sums: NDArray[np.uint16]
    pairs: NDArray[np.uint32]
    means: NDArray[np.int16]
    lines: NDArray[np.uint8]


def canvas(image: NDArray[np.uint8], pixel_format: PixelFormat) -> Canvas:
    """Return the planes of ``image``, which has ``pixel_format`` and no alpha."""
    width, height = pixel_format.size(image)
    layout = _LAYOUTS[pixel_format.layout]
    if layout in (_I420, _NV12):
        luma, chroma = image[:height], image[height:].reshape(-1)
        halves = 1 if layout == _NV12 else 2
        planes = [luma, *chroma.reshape(halves, height // 2, width // halves)]
    else:
        planes = [image.reshape(height, -1)]
    nothing = image.reshape(-1)[:0].reshape(0, 0)
    first, second, third = (*planes, nothing, nothing)[:3]
    matrix = pixel_format.matrix
    sums = np.empty((3, width + width % 2), np.uint16)
    return Canvas(
        layout,
        _NO_WEIGHTS if matrix is None else TO_YUV[matrix],
        first,
        second,
        third,
        sums,
        sums.view(np.uint32),
        np.empty((3, sums.shape[1] // 2), np.int16),
        np.empty(sums.shape, np.uint8),
    )


_LUMA_OFFSET = np.int32(16 * 256 + 128)
_CHROMA_OFFSET = np.int32(128 * 256 + 128)
"""Black and grey, and a half, in 256ths."""


def encode(image: U8, pixel_format: PixelFormat) -> U8:
    """Return ``image``, ``(H, W, 3)`` uint8 BGR, in ``pixel_format``, which can hold its size."""
    height, width = image.shape[:2]
    out = np.empty(pixel_format.shape((width, height)), np.uint8)
    encode_area(picture(image).pixels, canvas(out, pixel_format), 0, 0, height, width)
    return out


@compiled
def encode_area(
    pixels: Records, target: Canvas, top: int, left: int, height: int, width: int
) -> None:
    """Write the first rows of ``pixels``, ``(h, W)`` of ``PIXEL``, to an area of ``target``.

    Where pixels are halved, so are ``top``, ``left``, ``height`` and ``width`` without remainder.
    """
    if target.layout in (_I420, _NV12):
        for n in range(0, height, 2):
            upper, lower = pixels[n, left : left + width], pixels[n + 1, left : left + width]
            _halve_rows(upper, lower, target, top + n, left)
        return
    for n in range(height):
        line = pixels[n, left : left + width]
        if target.layout == BGR:
            _copy(line, target.first[top + n, 3 * left : 3 * (left + width)])
        elif target.layout == _RGB:
            _swap(line, target.first[top + n, 3 * left : 3 * (left + width)])
        else:
            _pack_row(line, target, target.first[top + n, 2 * left : 2 * (left + width)])


@compiled
def copy_area(source: Canvas, target: Canvas, top: int, left: int, height: int, width: int) -> None:
    """Copy an area between pictures of one format; see ``encode_area``."""
    layout = target.layout
    span = 1 if layout in (_I420, _NV12) else 2 if layout == _YUY2 else 3
    first, last = span * left, span * (left + width)
    for y in range(top, top + height):
        copy_row(source.first[y, first:last], target.first[y, first:last])
    if span > 1:
        return
    step = 2 if layout == _I420 else 1
    first, last = left // step, (left + width) // step
    for y in range(top // 2, (top + height) // 2):
        copy_row(source.second[y, first:last], target.second[y, first:last])
        if layout == _I420:
            copy_row(source.third[y, first:last], target.third[y, first:last])


@compiled
def copy_row(source: U8, target: U8) -> None:
    """Copy the bytes of a row."""
    for n in range(target.size):
        target[n] = source[n]


@compiled
def _halve_rows(upper: Records, lower: Records, target: Canvas, y: int, left: int) -> None:
    width = upper.size
    half = width // 2
    _luma(upper, target.weights[0], target.first[y, left : left + width])
    _luma(lower, target.weights[0], target.first[y + 1, left : left + width])
    _add(upper, lower, target.sums)
    row, column = y // 2, left // 2
    if target.layout == _I420:
        u, v = target.second[row, column : column + half], target.third[row, column : column + half]
        _chroma(target, u, v)
    else:
        u, v = target.lines[1, :half], target.lines[2, :half]
        _chroma(target, u, v)
        _alternate(u, v, target.second[row, left : left + width])


@compiled
def _pack_row(line: Records, target: Canvas, out: U8) -> None:
    half = line.size // 2
    luma, u, v = target.lines[0, : line.size], target.lines[1, :half], target.lines[2, :half]
    _luma(line, target.weights[0], luma)
    _add(line, line, target.sums)
    _chroma(target, u, v)
    for n in range(half):
        out[4 * n] = luma[2 * n]
        out[4 * n + 1] = u[n]
        out[4 * n + 2] = luma[2 * n + 1]
        out[4 * n + 3] = v[n]


@compiled
def _copy(line: Records, out: U8) -> None:
    for n in range(line.size):
        out[3 * n] = line[n].blue
        out[3 * n + 1] = line[n].green
        out[3 * n + 2] = line[n].red


@compiled
def _swap(line: Records, out: U8) -> None:
    for n in range(line.size):
        out[3 * n] = line[n].red
        out[3 * n + 1] = line[n].green
        out[3 * n + 2] = line[n].blue


@compiled
def _luma(line: Records, weights: I32, out: U8) -> None:
    blue, green, red = weights[0], weights[1], weights[2]
    for n in range(out.size):
        pixel = line[n]
        out[n] = (blue * pixel.blue + green * pixel.green + red * pixel.red + _LUMA_OFFSET) >> 8


@compiled
def _add(upper: Records, lower: Records, sums: U16) -> None:
    blue, green, red = sums[0], sums[1], sums[2]
    for n in range(upper.size):
        blue[n] = np.uint16(upper[n].blue) + np.uint16(lower[n].blue)
        green[n] = np.uint16(upper[n].green) + np.uint16(lower[n].green)
        red[n] = np.uint16(upper[n].red) + np.uint16(lower[n].red)


@compiled
def _chroma(target: Canvas, u: U8, v: U8) -> None:
    """Write U and V of the means of two by two pixels; ``target.sums`` holds two rows."""
    half = u.size
    for channel in range(3):
        _mean(target.pairs[channel, :half], target.means[channel, :half])
    _mix(target.means, target.weights[1], u)
    _mix(target.means, target.weights[2], v)


@compiled
def _mean(pairs: U32, means: I16) -> None:
    """Write the fourth part of two columns, which are the two halves of a number."""
    low, half, two = np.uint32(0xFFFF), np.uint32(16), np.uint32(2)
    for n in range(means.size):
        means[n] = ((pairs[n] & low) + (pairs[n] >> half) + two) >> two


@compiled
def _mix(means: I16, weights: I32, out: U8) -> None:
    blues, greens, reds = means[0], means[1], means[2]
    blue, green, red = weights[0], weights[1], weights[2]
    for n in range(out.size):
        out[n] = (blue * blues[n] + green * greens[n] + red * reds[n] + _CHROMA_OFFSET) >> 8


@compiled
def _alternate(u: U8, v: U8, out: U8) -> None:
    for n in range(u.size):
        out[2 * n] = u[n]
        out[2 * n + 1] = v[n]
