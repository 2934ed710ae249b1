"""Optical flow by block matching, and warping along it, compiled by numba.

A dense inverse search (DIS: Kroeger et al. 2016, "Fast Optical Flow using Dense Inverse Search")
that stops early: a block that looks as it did is not searched for, and each search ends when its
steps have become short. On a webcam's picture, most of which rests, that takes a third of the time
of OpenCV's, for mattes that are as good.

Arguments that the functions share:
    grey: ``(h, w)`` float32: the picture.
    slopes: ``(2, h, w)`` float32: the derivatives of ``grey`` across and down.
    before: ``(h + 2 * _BORDER_PX, w + 2 * _BORDER_PX)`` float32: the earlier picture, with its
        border repeated.
    y, x: the block's upper left pixel.
    right, down: how far to the right and further down the block was in ``before``, in pixels.
    motion: ``(rows, columns, 3)`` float32 for each block: right, down, and the difference there,
        see ``_difference``; ``moved`` is one block's.
    displacement: ``(h, w, 2)`` float32: how far to the right and further down each pixel was.

Positions are unsigned: numba checks of every signed index whether it counts from the end, which
takes longer than the arithmetic.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from livebg.frame import FloatImage, Size
from livebg.pixels.jit import compiled, read_only

__all__ = ["BlockMatching"]

F32 = NDArray[np.float32]

_LEVELS = 3
"""A picture of 128 pixels is first compared at 32, where a block is a quarter of its width."""

_BLOCK_PX = 8
_STRIDE_PX = 4

_BORDER_PX = 16
"""By how much the earlier picture is larger on each side, so that blocks may come from there."""

_REACH_PX = np.float32(_BORDER_PX - 4)
_SIDE, _ONE = np.uint64(_BLOCK_PX), np.uint64(1)
_PIXELS = np.float32(_BLOCK_PX * _BLOCK_PX)

_SAME = np.float32(100)
"""Difference up to which a block looks as it did: 1.25 levels a pixel, about a webcam's noise
once the picture has been reduced and smoothed."""

_STEPS = 8
_SHORT = np.float32(0.1**2)
"""Squared length in pixels below which a step is the last, or two places are one."""

_UNSCALED = np.float32(1)
_WORST = np.float32(1e30)
"""More than any difference, and finite: compiled code may assume that every number is."""

_FLAT = np.float32(0.01)
_STEADY = np.float32(0.1)


class BlockMatching:
    """Blocks searched for at growing sizes; see ``livebg.matting.flow.FlowEstimator``.

    Args:
        size: ``(width, height)`` of the pictures, no side below 32.
    """

    def __init__(self, size: Size) -> None:
        self._sizes = [size]
        for _ in range(_LEVELS - 1):
            width, height = self._sizes[-1]
            self._sizes.append(((width + 1) // 2, (height + 1) // 2))
        self._anchor: list[FloatImage] = []
        self._sums = np.empty((3, size[1], size[0]), np.float32)
        self._no_motion = np.zeros((1, 1, 3), np.float32)
        # Run everything once, so that no frame has to wait until it is compiled.
        blank = np.zeros(size[::-1], np.uint8)
        self.set_anchor(blank)
        self.warp(np.zeros((1, 1, 3), np.float32), self.displacement(blank), (0.0, 1.0), (0.0, 1.0))

    def set_anchor(self, grey: NDArray[np.uint8]) -> None:
        """Take the earlier picture."""
        around = (_BORDER_PX, _BORDER_PX, _BORDER_PX, _BORDER_PX)
        self._anchor = [
            read_only(cv2.copyMakeBorder(level, *around, cv2.BORDER_REPLICATE))
            for level in self._levels(grey)
        ]

    def displacement(self, grey: NDArray[np.uint8]) -> FloatImage:
        """Return where each pixel was."""
        motion = self._no_motion
        levels = self._levels(grey)
        for level, before in zip(reversed(levels), reversed(self._anchor), strict=True):
            height, width = level.shape
            coarser = motion
            motion = np.empty((_block_count(height), _block_count(width), 3), np.float32)
            slopes = np.empty((2, height, width), np.float32)
            _find_slopes(level, slopes)
            _search(level, slopes, before, coarser, motion)
        displacement = np.empty((*grey.shape, 2), np.float32)
        _spread(levels[0], self._anchor[0], motion, self._sums, displacement)
        return displacement

    def warp(
        self,
        planes: FloatImage,
        displacement: FloatImage,
        columns: tuple[float, float],
        rows: tuple[float, float],
    ) -> tuple[FloatImage, FloatImage, FloatImage]:
        """Return ``planes`` as they lie in the new picture."""
        first, second, third = np.empty((3, *planes.shape[:2]), np.float32)
        _warp(read_only(planes), read_only(displacement), columns, rows, first, second, third)
        return first, second, third

    def _levels(self, grey: NDArray[np.uint8]) -> list[FloatImage]:
        """Return ``grey`` at every size, the largest first."""
        levels = [read_only(grey.astype(np.float32))]
        for size in self._sizes[1:]:
            smaller = cv2.resize(levels[-1], size, interpolation=cv2.INTER_AREA)
            levels.append(read_only(np.asarray(smaller, np.float32)))
        return levels


def _block_count(length_px: int) -> int:
    """Return how many blocks cover ``length_px``, which is no less than one of them."""
    return -(-(length_px - _BLOCK_PX) // _STRIDE_PX) + 1


@compiled
def _find_slopes(grey: F32, slopes: F32) -> None:
    """Fill ``slopes``."""
    height, width = grey.shape
    half = np.float32(0.5)
    for y in range(height):
        above, row, below = grey[max(y - 1, 0)], grey[y], grey[min(y + 1, height - 1)]
        across, down = slopes[0, y], slopes[1, y]
        for x in range(width):
            down[x] = (below[x] - above[x]) * half
        for x in range(1, width - 1):
            across[x] = (row[x + 1] - row[x - 1]) * half
        across[0] = (row[1] - row[0]) * half
        across[width - 1] = (row[width - 1] - row[width - 2]) * half


@compiled
def _search(grey: F32, slopes: F32, before: F32, coarser: F32, motion: F32) -> None:
    """Fill ``motion``; ``coarser`` is that between the two pictures at half the size.

    Each block is looked for where it is, where the picture at half the size says, and where its
    neighbours were; the search goes on from the best of these. A second pass, from the last block
    to the first, lets what was found spread the other way.
    """
    rows, columns = motion.shape[:2]
    for j in range(rows):
        y = min(j * _STRIDE_PX, grey.shape[0] - _BLOCK_PX)
        for i in range(columns):
            x = min(i * _STRIDE_PX, grey.shape[1] - _BLOCK_PX)
            motion[j, i, 0] = motion[j, i, 1] = 0
            motion[j, i, 2] = _difference(grey, before, y, x, np.float32(0), np.float32(0))
            if motion[j, i, 2] > _SAME:
                m, n = min(j // 2, coarser.shape[0] - 1), min(i // 2, coarser.shape[1] - 1)
                _try(grey, before, y, x, coarser[m, n], np.float32(2), motion[j, i])
                _try(grey, before, y, x, motion[j, max(i - 1, 0)], _UNSCALED, motion[j, i])
                _try(grey, before, y, x, motion[max(j - 1, 0), i], _UNSCALED, motion[j, i])
                _descend(grey, slopes, before, y, x, motion[j, i])
    for j in range(rows - 1, -1, -1):
        y = min(j * _STRIDE_PX, grey.shape[0] - _BLOCK_PX)
        for i in range(columns - 1, -1, -1):
            x = min(i * _STRIDE_PX, grey.shape[1] - _BLOCK_PX)
            if motion[j, i, 2] > _SAME:
                right, below = motion[j, min(i + 1, columns - 1)], motion[min(j + 1, rows - 1), i]
                by_right = _try(grey, before, y, x, right, _UNSCALED, motion[j, i])
                by_below = _try(grey, before, y, x, below, _UNSCALED, motion[j, i])
                if by_right or by_below:
                    _descend(grey, slopes, before, y, x, motion[j, i])


@compiled
def _try(
    grey: F32, before: F32, y: int, x: int, guess: F32, factor: np.float32, moved: F32
) -> bool:
    """Take ``factor`` times ``guess`` for a block's motion if it looks better; return whether."""
    right, down = _clamped(grey, y, x, factor * guess[0], factor * guess[1])
    if (right - moved[0]) ** 2 + (down - moved[1]) ** 2 < _SHORT:
        return False
    difference = _difference(grey, before, y, x, right, down)
    if difference >= moved[2]:
        return False
    moved[0], moved[1], moved[2] = right, down, difference
    return True


@compiled
def _descend(grey: F32, slopes: F32, before: F32, y: int, x: int, moved: F32) -> None:
    """Improve a block's motion by Gauss and Newton's steps (Kroeger et al. 2016, eq. 2)."""
    if moved[2] <= _SAME:
        return
    mean_across, mean_down, across, both, down = _hessian(slopes, y, x)
    determinant = across * down - both * both
    if determinant < _FLAT:
        return
    first_right, first_down = moved[0], moved[1]
    right, below = first_right, first_down
    best = _WORST
    for _ in range(_STEPS):
        total, squares, along, along_down = _gradient(grey, slopes, before, y, x, right, below)
        difference = squares - total * total / _PIXELS
        if difference >= best:
            return
        best = difference
        moved[0], moved[1], moved[2] = right, below, difference
        if difference <= _SAME:
            return
        along -= total * mean_across
        along_down -= total * mean_down
        step_right = (down * along - both * along_down) / determinant
        step_down = (across * along_down - both * along) / determinant
        right, below = _clamped(grey, y, x, right - step_right, below - step_down)
        strays = max(abs(right - first_right), abs(below - first_down)) > np.float32(_BLOCK_PX)
        if strays:
            return
        if step_right * step_right + step_down * step_down < _SHORT:
            moved[0], moved[1] = right, below
            return


@compiled
def _clamped(
    grey: F32, y: int, x: int, right: np.float32, down: np.float32
) -> tuple[np.float32, np.float32]:
    """Return a displacement as near as can be that does not lead beyond ``before``."""
    height, width = np.float32(grey.shape[0] - _BLOCK_PX), np.float32(grey.shape[1] - _BLOCK_PX)
    return (
        min(max(right, -np.float32(x) - _REACH_PX), width - np.float32(x) + _REACH_PX),
        min(max(down, -np.float32(y) - _REACH_PX), height - np.float32(y) + _REACH_PX),
    )


@compiled
def _corner(
    y: int, x: int, right: np.float32, down: np.float32
) -> tuple[np.uint64, np.uint64, np.float32, np.float32, np.float32, np.float32]:
    """Return where in ``before`` a moved block begins, and the weights of the four pixels there."""
    row, column = np.float32(y + _BORDER_PX) + down, np.float32(x + _BORDER_PX) + right
    top, left = np.uint64(row), np.uint64(column)
    lower, righter = row - np.float32(top), column - np.float32(left)
    both = lower * righter
    return top, left, np.float32(1) - lower - righter + both, righter - both, lower - both, both


@compiled
def _difference(
    grey: F32, before: F32, y: int, x: int, right: np.float32, down: np.float32
) -> np.float32:
    """Return how different a block looks where it may have been, whatever its brightness.

    That is the sum over its pixels of the squared difference, less that of their mean.
    """
    top, left, upper_left, upper_right, lower_left, lower_right = _corner(y, x, right, down)
    first, start = np.uint64(y), np.uint64(x)
    total = squares = np.float32(0)
    for n in range(_SIDE):
        row, above, below = grey[first + n], before[top + n], before[top + n + _ONE]
        for m in range(_SIDE):
            excess = (
                upper_left * above[left + m]
                + upper_right * above[left + m + _ONE]
                + lower_left * below[left + m]
                + lower_right * below[left + m + _ONE]
                - row[start + m]
            )
            total += excess
            squares += excess * excess
    return squares - total * total / _PIXELS


@compiled
def _gradient(
    grey: F32, slopes: F32, before: F32, y: int, x: int, right: np.float32, down: np.float32
) -> tuple[np.float32, np.float32, np.float32, np.float32]:
    """Return the sums of a moved block's differences, of their squares, and along both slopes."""
    top, left, upper_left, upper_right, lower_left, lower_right = _corner(y, x, right, down)
    first, start = np.uint64(y), np.uint64(x)
    total = squares = along = along_down = np.float32(0)
    for n in range(_SIDE):
        row, above, below = grey[first + n], before[top + n], before[top + n + _ONE]
        rightward, downward = slopes[0, first + n], slopes[1, first + n]
        for m in range(_SIDE):
            excess = (
                upper_left * above[left + m]
                + upper_right * above[left + m + _ONE]
                + lower_left * below[left + m]
                + lower_right * below[left + m + _ONE]
                - row[start + m]
            )
            total += excess
            squares += excess * excess
            along += excess * rightward[start + m]
            along_down += excess * downward[start + m]
    return total, squares, along, along_down


@compiled
def _hessian(
    slopes: F32, y: int, x: int
) -> tuple[np.float32, np.float32, np.float32, np.float32, np.float32]:
    """Return the mean slopes of a block, and the summed products of what remains of them."""
    first, start = np.uint64(y), np.uint64(x)
    mean_across = mean_down = across = both = down = np.float32(0)
    for n in range(_SIDE):
        rightward, downward = slopes[0, first + n], slopes[1, first + n]
        for m in range(_SIDE):
            mean_across += rightward[start + m]
            mean_down += downward[start + m]
            across += rightward[start + m] * rightward[start + m]
            both += rightward[start + m] * downward[start + m]
            down += downward[start + m] * downward[start + m]
    mean_across /= _PIXELS
    mean_down /= _PIXELS
    across += _STEADY - _PIXELS * mean_across * mean_across
    down += _STEADY - _PIXELS * mean_down * mean_down
    return mean_across, mean_down, across, both - _PIXELS * mean_across * mean_down, down


@compiled
def _spread(grey: F32, before: F32, motion: F32, sums: F32, displacement: F32) -> None:
    """Fill ``displacement`` from the blocks that cover each pixel; ``sums`` is ``(3, h, w)``.

    A block counts the less, the more the pixel differs from where that block says it was.
    """
    height, width = grey.shape
    sums[:] = 0
    for j in range(motion.shape[0]):
        y = min(j * _STRIDE_PX, height - _BLOCK_PX)
        for i in range(motion.shape[1]):
            x = min(i * _STRIDE_PX, width - _BLOCK_PX)
            _add_block(grey, before, y, x, motion[j, i], sums)
    for y in range(height):
        for x in range(width):
            share = np.float32(1) / sums[0, y, x]
            displacement[y, x, 0] = sums[1, y, x] * share
            displacement[y, x, 1] = sums[2, y, x] * share


@compiled
def _add_block(grey: F32, before: F32, y: int, x: int, moved: F32, sums: F32) -> None:
    right, down = moved[0], moved[1]
    top, left, upper_left, upper_right, lower_left, lower_right = _corner(y, x, right, down)
    first, start = np.uint64(y), np.uint64(x)
    for n in range(_SIDE):
        row, above, below = grey[first + n], before[top + n], before[top + n + _ONE]
        for m in range(_SIDE):
            was = (
                upper_left * above[left + m]
                + upper_right * above[left + m + _ONE]
                + lower_left * below[left + m]
                + lower_right * below[left + m + _ONE]
            )
            weight = np.float32(1) / max(np.float32(1), abs(was - row[start + m]))
            sums[0, first + n, start + m] += weight
            sums[1, first + n, start + m] += weight * right
            sums[2, first + n, start + m] += weight * down


@compiled
def _warp(
    planes: F32,
    displacement: F32,
    columns: tuple[float, float],
    rows: tuple[float, float],
    first: F32,
    second: F32,
    third: F32,
) -> None:
    """Fill three planes, ``(h, w)``, with those of ``planes``, ``(h, w, 3)``, where each pixel was.

    Pixels of the matte that did not move are copied: most of them in a call. See
    ``FlowEstimator.warp`` for the arguments.
    """
    height, width = planes.shape[:2]
    lefts, rights, weights = _taps(width, columns, displacement.shape[1])
    aboves, belows, row_weights = _taps(height, rows, displacement.shape[0])
    across = np.empty(displacement.shape[1], np.float32)
    down = np.empty_like(across)
    per_x, per_y = np.float32(1 / columns[1]), np.float32(1 / rows[1])
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
