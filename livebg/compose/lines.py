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
from livebg.pixels.views import PIXEL, Picture, read_only

__all__ = [
    "COLOUR",
    "CUTOUT",
    "EdgeLines",
    "MatteLines",
    "edge_lines",
    "empty_lines",
    "matte_lines",
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
