"""Reading a matte's planes where its pixels came from, compiled by numba."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from livebg.pixels.jit import compiled

__all__ = ["move_planes"]

F32 = NDArray[np.float32]

_ONE = np.uint64(1)


@compiled
def move_planes(
    planes: F32,
    displacement: F32,
    along_x: tuple[float, float],
    along_y: tuple[float, float],
    first: F32,
    second: F32,
    third: F32,
) -> None:
    """Fill three planes, ``(h, w)``, with those of ``planes`` from where each pixel came.

    Pixels of the matte that did not move are copied, which is most of them in a call.

    Args:
        planes: ``(h, w, 3)`` float32.
        displacement: ``(h', w', 2)`` float32, x and y in its own pixels.
        along_x: where the matte's first column lies in ``displacement``, and how far the columns
            are apart there.
        along_y: likewise for rows.
        first: ``(h, w)`` float32.
        second: likewise.
        third: likewise.
    """
    height, width = planes.shape[:2]
    lefts, rights, weights = _taps(width, along_x, displacement.shape[1])
    aboves, belows, row_weights = _taps(height, along_y, displacement.shape[0])
    across = np.empty(displacement.shape[1], np.float32)
    down = np.empty_like(across)
    per_x, per_y = np.float32(1 / along_x[1]), np.float32(1 / along_y[1])
    none, last_x, last_y = np.float32(0), np.float32(width - 1), np.float32(height - 1)
    for y in range(height):
        above, below = displacement[aboves[y]], displacement[belows[y]]
        for n in range(across.size):
            across[n] = (above[n, 0] + row_weights[y] * (below[n, 0] - above[n, 0])) * per_x
            down[n] = (above[n, 1] + row_weights[y] * (below[n, 1] - above[n, 1])) * per_y
        for x in range(width):
            p, q = np.uint64(lefts[x]), np.uint64(rights[x])
            move_x = across[p] + weights[x] * (across[q] - across[p])
            move_y = down[p] + weights[x] * (down[q] - down[p])
            if move_x == 0 and move_y == 0:
                first[y, x] = planes[y, x, 0]
                second[y, x] = planes[y, x, 1]
                third[y, x] = planes[y, x, 2]
                continue
            column = min(max(np.float32(x) + move_x, none), last_x)
            row = min(max(np.float32(y) + move_y, none), last_y)
            # Unsigned, because numba asks of a signed index whether it counts from the end.
            i, j = np.uint64(column), np.uint64(row)
            right, lower = column - np.float32(i), row - np.float32(j)
            k, m = min(i + _ONE, np.uint64(width - 1)), min(j + _ONE, np.uint64(height - 1))
            both = right * lower
            a, b, c = np.float32(1) - right - lower + both, right - both, lower - both
            first[y, x] = (
                a * planes[j, i, 0]
                + b * planes[j, k, 0]
                + c * planes[m, i, 0]
                + both * planes[m, k, 0]
            )
            second[y, x] = (
                a * planes[j, i, 1]
                + b * planes[j, k, 1]
                + c * planes[m, i, 1]
                + both * planes[m, k, 1]
            )
            third[y, x] = (
                a * planes[j, i, 2]
                + b * planes[j, k, 2]
                + c * planes[m, i, 2]
                + both * planes[m, k, 2]
            )


@compiled
def _taps(
    count: int, along: tuple[float, float], samples: int
) -> tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.float32]]:
    """Return between which two samples each of ``count`` points lies, and the second's weight."""
    before, after = np.empty(count, np.uint32), np.empty(count, np.uint32)
    weight = np.empty(count, np.float32)
    for n in range(count):
        position = min(max(along[0] + n * along[1], 0.0), samples - 1.0)
        before[n] = np.uint32(position)
        after[n] = min(before[n] + 1, samples - 1)
        weight[n] = np.float32(position - before[n])
    return before, after, weight
