"""What the compositing kernel's compiled code works on: views of its arguments, and scratch lines.

Compiled code is made once for each combination of array kinds, hence every argument is passed as
a read-only, contiguous view.

What the compositing kernel does along a row of pixels, compiled by numba.

Every loop runs from 0 over contiguous memory, which is what lets LLVM use vector instructions.
Colours are records where a pixel is wanted, and flat channels, ``B G R B G R ...``, where all of
them are treated alike: two views of the same memory.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from livebg.compositing.tiles import TILE_PX, Taps
from livebg.pixels.jit import PIXEL, Picture, compiled, read_only

__all__ = [
    "COLOUR",
    "CUTOUT",
    "EdgeLines",
    "MatteLines",
    "apply_matte",
    "between",
    "clean",
    "clear",
    "copy",
    "copy_opaque",
    "cut_out",
    "edge_lines",
    "empty_lines",
    "levels",
    "matte_lines",
    "over",
    "stretch",
    "stretch_colours",
]


CUTOUT = np.dtype([("blue", "u1"), ("green", "u1"), ("red", "u1"), ("alpha", "u1")])
COLOUR = np.dtype([("blue", "f4"), ("green", "f4"), ("red", "f4")])

_BOTH_COLOURS = np.dtype([("person", COLOUR), ("room", COLOUR)])
_NO_COLOURS = np.zeros((2, 2, 6), np.float32)


class MatteLines(NamedTuple):
    """A matte, and its two rows around the frame's current one, stretched to the frame's columns.

    Attributes:
        gain, offset: ``(h, w)`` float32: the matte.
        taps: where the frame's pixels fall in it.
        held: ``(2,)`` int64: the matte's row that each line holds; row ``k`` is in line ``k % 2``.
        gain_lines, offset_lines: ``(2, W)`` float32.
        alpha: ``COLOUR``, a tile high: the result, the same in each channel.
    """

    gain: NDArray[np.float32]
    offset: NDArray[np.float32]
    taps: Taps
    held: NDArray[np.int64]
    gain_lines: NDArray[np.float32]
    offset_lines: NDArray[np.float32]
    alpha: Picture


class EdgeLines(NamedTuple):
    """The edge's colours, likewise.

    Attributes:
        known: False where the frame's own colours are to be kept.
        person, room: ``(h, w)`` of ``COLOUR``, blurred.
        taps: where the frame's pixels fall in them.
        held: ``(2,)`` int64; see ``MatteLines``.
        person_lines, room_lines: ``COLOUR``, two lines each.
        clean: ``PIXEL``, a tile high: the result.
    """

    known: bool
    person: NDArray[Any]
    room: NDArray[Any]
    taps: Taps
    held: NDArray[np.int64]
    person_lines: Picture
    room_lines: Picture
    clean: Picture


def matte_lines(
    gain: NDArray[np.float32], offset: NDArray[np.float32], taps: Taps, width: int
) -> MatteLines:
    """Return a matte with empty lines for frames of ``width``."""
    held = np.empty(2, np.int64)
    lines = np.empty((2, 2, width), np.float32)
    alpha = empty_lines(TILE_PX, width, COLOUR)
    return MatteLines(read_only(gain), read_only(offset), taps, held, lines[0], lines[1], alpha)


def edge_lines(colours: NDArray[np.float32], taps: Taps, width: int) -> EdgeLines:
    """Return the edge's ``colours``, ``(h, w, 6)``, with empty lines for frames of ``width``."""
    known = colours.size > 0
    both = read_only(colours if known else _NO_COLOURS).view(_BOTH_COLOURS)[..., 0]
    return EdgeLines(
        known=known,
        person=both["person"],
        room=both["room"],
        taps=taps,
        held=np.empty(2, np.int64),
        person_lines=empty_lines(2, width, COLOUR),
        room_lines=empty_lines(2, width, COLOUR),
        clean=empty_lines(TILE_PX, width, PIXEL),
    )


def empty_lines(count: int, width: int, kind: np.dtype[Any]) -> Picture:
    """Return ``count`` lines of ``kind``, ``COLOUR`` or ``PIXEL``, for frames of ``width``."""
    channels = np.empty((count, 3 * width), kind["blue"])
    return Picture(channels.view(kind), channels)


F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
U8 = NDArray[np.uint8]

Records = NDArray[Any]
"""A structured array; in compiled code the dtype's fields are attributes of its elements."""

_NONE, _FULL, _HALF = np.float32(0), np.float32(255), np.float32(0.5)


@compiled
def copy(source: U8, target: U8) -> None:
    """Copy channels."""
    for n in range(target.size):
        target[n] = source[n]


@compiled
def copy_opaque(pixels: Records, target: Records) -> None:
    """Copy ``PIXEL`` to ``CUTOUT``, with full alpha."""
    for n in range(target.size):
        target[n].blue = pixels[n].blue
        target[n].green = pixels[n].green
        target[n].red = pixels[n].red
        target[n].alpha = 255


@compiled
def clear(target: Records) -> None:
    """Make ``CUTOUT`` black and fully transparent."""
    for n in range(target.size):
        target[n].blue = 0
        target[n].green = 0
        target[n].red = 0
        target[n].alpha = 0


@compiled
def between(upper: U8, lower: U8, down: np.float32, target: U8) -> None:
    """Interpolate two rows of channels; the lower one's weight is ``down``, in whole 256ths."""
    below = np.int32(down * np.float32(256) + _HALF)
    above = np.int32(256) - below
    for n in range(target.size):
        target[n] = (upper[n] * above + lower[n] * below + 128) >> 8


@compiled
def stretch(values: F32, index: I32, weight: F32, line: F32) -> None:
    """Read a row of a small plane at the columns of ``line``; 0 where the plane has none."""
    last = values.size - 1
    for n in range(line.size):
        k = index[n]
        first = values[max(k, 0)]
        value = first + weight[n] * (values[min(k + 1, last)] - first)
        line[n] = value if k >= 0 else _NONE


@compiled
def stretch_colours(values: Records, index: I32, weight: F32, line: Records) -> None:
    """Read a row of a small plane of ``COLOUR`` at the columns of ``line``."""
    last = values.size - 1
    for n in range(line.size):
        first, second = values[index[n]], values[min(index[n] + 1, last)]
        across = weight[n]
        line[n].blue = first.blue + across * (second.blue - first.blue)
        line[n].green = first.green + across * (second.green - first.green)
        line[n].red = first.red + across * (second.red - first.red)


@compiled
def apply_matte(
    pixels: Records,
    gain_above: F32,
    gain_below: F32,
    offset_above: F32,
    offset_below: F32,
    down: np.float32,
    alpha: Records,
) -> None:
    """Write the alpha of a row of ``PIXEL``, 0..1, to every channel of ``alpha``, a ``COLOUR``.

    Gain and offset lie between stretched rows of the matte; those below have the weight ``down``.
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
def clean(
    channels: U8,
    alpha: F32,
    person_above: F32,
    person_below: F32,
    room_above: F32,
    room_below: F32,
    down: np.float32,
    out: U8,
) -> None:
    """Write the person's own colours to ``out`` (Forte & Pitie 2021, eq. 6).

    ``F = F_blurred + alpha (I - alpha F_blurred - (1 - alpha) B_blurred)``, with the blurred
    colours between stretched rows above and below, the latter with the weight ``down``.
    """
    for n in range(out.size):
        ours = person_above[n] + down * (person_below[n] - person_above[n])
        theirs = room_above[n] + down * (room_below[n] - room_above[n])
        mixed = theirs + alpha[n] * (ours - theirs)
        value = ours + alpha[n] * (np.float32(channels[n]) - mixed)
        out[n] = np.uint8(min(max(value, _NONE), _FULL) + _HALF)


@compiled
def over(channels: U8, alpha: F32, out: U8) -> None:
    """Blend ``channels`` over what ``out`` holds."""
    for n in range(out.size):
        under = np.float32(out[n])
        out[n] = np.uint8(under + alpha[n] * (np.float32(channels[n]) - under) + _HALF)


@compiled
def cut_out(pixels: Records, alpha: Records, out: Records) -> None:
    """Write ``PIXEL`` and alpha as ``CUTOUT``; where alpha is level 0 the colours are 0 too."""
    for n in range(out.size):
        level = np.uint8(alpha[n].blue * _FULL + _HALF)
        seen = np.uint8(255 if level > 0 else 0)
        out[n].blue = pixels[n].blue & seen
        out[n].green = pixels[n].green & seen
        out[n].red = pixels[n].red & seen
        out[n].alpha = level


@compiled
def levels(alpha: Records, out: U8) -> None:
    """Write alpha as levels, 0..255."""
    for n in range(out.size):
        out[n] = np.uint8(alpha[n].blue * _FULL + _HALF)
