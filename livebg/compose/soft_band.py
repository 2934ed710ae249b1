"""What a tile of the soft band takes: its alpha, and the person's own colours.

Compiled by numba; part of ``kernel``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from livebg.compose import rows
from livebg.compose.lines import EdgeLines, MatteLines
from livebg.pixels.jit import compiled

__all__ = ["clean", "find_alpha"]

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]


@compiled
def find_alpha(
    pixels: NDArray[Any], matte: MatteLines, top: int, bottom: int, left: int, right: int
) -> None:
    """Fill ``matte.alpha`` from its left for an area of the frame that begins at (left, top)."""
    taps = matte.taps
    width = right - left
    index, weight = taps.x_index[left:right], taps.x_weight[left:right]
    matte.held[:] = -1
    for y in range(top, bottom):
        i = max(taps.y_index[y], 0)
        j = min(i + 1, matte.gain.shape[0] - 1)
        for k in range(i, j + 1):
            line = k % 2
            if matte.held[line] != k:
                matte.held[line] = k
                rows.stretch(matte.gain[k], index, weight, matte.gain_lines[line, :width])
                rows.stretch(matte.offset[k], index, weight, matte.offset_lines[line, :width])
        rows.apply_matte(
            pixels[y, left:right],
            matte.gain_lines[i % 2, :width],
            matte.gain_lines[j % 2, :width],
            matte.offset_lines[i % 2, :width],
            matte.offset_lines[j % 2, :width],
            taps.y_weight[y],
            matte.alpha.pixels[y - top, :width],
        )
        if taps.y_index[y] < 0:
            matte.alpha.channels[y - top, : 3 * width] = 0


@compiled
def clean(
    channels: U8, alpha: F32, edge: EdgeLines, top: int, bottom: int, left: int, right: int
) -> None:
    """Fill ``edge.clean`` from its left with the person's own colours."""
    width, size = right - left, 3 * (right - left)
    taps = edge.taps
    index, weight = taps.x_index[left:right], taps.x_weight[left:right]
    edge.held[:] = -1
    for y in range(top, bottom):
        if not edge.known:
            rows.copy(channels[y, 3 * left : 3 * right], edge.clean.channels[y - top, :size])
            continue
        i = taps.y_index[y]
        j = min(i + 1, edge.person.shape[0] - 1)
        for k in range(i, j + 1):
            line = k % 2
            if edge.held[line] != k:
                edge.held[line] = k
                rows.stretch_colours(
                    edge.person[k], index, weight, edge.person_lines.pixels[line, :width]
                )
                rows.stretch_colours(
                    edge.room[k], index, weight, edge.room_lines.pixels[line, :width]
                )
        rows.clean(
            channels[y, 3 * left : 3 * right],
            alpha[y - top, :size],
            edge.person_lines.channels[i % 2, :size],
            edge.person_lines.channels[j % 2, :size],
            edge.room_lines.channels[i % 2, :size],
            edge.room_lines.channels[j % 2, :size],
            taps.y_weight[y],
            edge.clean.channels[y - top, :size],
        )
