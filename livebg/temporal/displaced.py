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
    index, weight = _taps(width, along_x, displacement.shape[1])
    row_index, row_weight = _taps(height, along_y, displacement.shape[0])
    per_x, per_y = np.float32(1 / along_x[1]), np.float32(1 / along_y[1])
    across, down = np.empty(width, np.float32), np.empty(width, np.float32)
    none, last_x, last_y = np.float32(0), np.float32(width - 1), np.float32(height - 1)
    for y in range(height):
        above = displacement[row_index[y]]
        below = displacement[min(row_index[y] + 1, displacement.shape[0] - 1)]
        _between(above, below, row_weight[y], index, weight, 0, per_x, across)
        _between(above, below, row_weight[y], index, weight, 1, per_y, down)
        for x in range(width):
            if across[x] == 0 and down[x] == 0:
                first[y, x] = planes[y, x, 0]
                second[y, x] = planes[y, x, 1]
                third[y, x] = planes[y, x, 2]
                continue
            column = min(max(np.float32(x) + across[x], none), last_x)
            row = min(max(np.float32(y) + down[x], none), last_y)
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
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return between which samples each of ``count`` points lies, and the second one's weight."""
    index, weight = np.empty(count, np.int32), np.empty(count, np.float32)
    for n in range(count):
        position = min(max(along[0] + n * along[1], 0.0), samples - 1.0)
        index[n] = np.int32(position)
        weight[n] = np.float32(position - index[n])
    return index, weight


@compiled
def _between(
    above: F32,
    below: F32,
    lower: np.float32,
    index: NDArray[np.int32],
    weight: F32,
    axis: int,
    factor: np.float32,
    line: F32,
) -> None:
    """Fill ``line`` with ``factor`` times the displacement along ``axis`` between two rows."""
    last = above.shape[0] - 1
    for x in range(line.size):
        i, j = index[x], min(index[x] + 1, last)
        left = above[i, axis] + lower * (below[i, axis] - above[i, axis])
        right = above[j, axis] + lower * (below[j, axis] - above[j, axis])
        line[x] = (left + weight[x] * (right - left)) * factor
