"""What the compositing kernel's compiled code works on: views of its arguments, and scratch lines.

Compiled code is made once for each combination of array kinds, hence every argument is passed as
a read-only, contiguous view.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from livebg.compose.sampling import Taps
from livebg.compose.tiles import TILE_PX

__all__ = [
    "COLOUR",
    "CUTOUT",
    "PIXEL",
    "EdgeLines",
    "MatteLines",
    "Picture",
    "edge_lines",
    "matte_lines",
    "picture",
    "read_only",
]

PIXEL = np.dtype([("blue", "u1"), ("green", "u1"), ("red", "u1")])
CUTOUT = np.dtype([("blue", "u1"), ("green", "u1"), ("red", "u1"), ("alpha", "u1")])
COLOUR = np.dtype([("blue", "f4"), ("green", "f4"), ("red", "f4")])

_BOTH_COLOURS = np.dtype([("person", COLOUR), ("room", COLOUR)])
_NO_COLOURS = np.zeros((2, 2, 6), np.float32)


class Picture(NamedTuple):
    """Two views of the same rows.

    Attributes:
        pixels: ``(rows, W)`` of ``PIXEL`` or ``COLOUR``: compiled code reads ``pixels[y, x].blue``.
        channels: ``(rows, W * 3)``: blue, green, red, blue, green, red ...
    """

    pixels: NDArray[Any]
    channels: NDArray[Any]


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


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """Return a read-only, contiguous view of ``array``."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


def picture(image: NDArray[np.uint8]) -> Picture:
    """Return views of ``image``, ``(H, W, 3)`` uint8 BGR."""
    image = read_only(image)
    return Picture(image.view(PIXEL)[..., 0], image.reshape(image.shape[0], -1))


def matte_lines(
    gain: NDArray[np.float32], offset: NDArray[np.float32], taps: Taps, width: int
) -> MatteLines:
    """Return a matte with empty lines for frames of ``width``."""
    held = np.empty(2, np.int64)
    lines = np.empty((2, 2, width), np.float32)
    alpha = _empty_lines(TILE_PX, width, COLOUR)
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
        person_lines=_empty_lines(2, width, COLOUR),
        room_lines=_empty_lines(2, width, COLOUR),
        clean=_empty_lines(TILE_PX, width, PIXEL),
    )


def _empty_lines(count: int, width: int, kind: np.dtype[Any]) -> Picture:
    channels = np.empty((count, 3 * width), kind["blue"])
    return Picture(channels.view(kind), channels)
