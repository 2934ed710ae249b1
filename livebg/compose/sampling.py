"""Where the pixels of a frame fall in a smaller plane, for bilinear upsampling."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from livebg.types import Box, Size

__all__ = ["Taps", "taps_of"]

_OUTSIDE = -1


class Taps(NamedTuple):
    """Bilinear taps of a plane for every column and row of a frame.

    Along each axis ``value = plane[index] * (1 - weight) + plane[index + 1] * weight``. A named
    tuple, because compiled code takes it as it is.

    Attributes:
        x_index: ``(W,)`` int32: the first tap of each column, or -1 where the plane has none.
        x_weight: ``(W,)`` float32 in 0..1: the weight of the second tap.
        y_index: ``(H,)`` int32, likewise for rows.
        y_weight: ``(H,)`` float32.
    """

    x_index: NDArray[np.int32]
    x_weight: NDArray[np.float32]
    y_index: NDArray[np.int32]
    y_weight: NDArray[np.float32]


def taps_of(frame_size: Size, box: Box, plane_size: Size) -> Taps:
    """Return where a frame's pixels fall in a plane that covers ``box`` of the frame.

    Pixel centres lie at half integers, as in the networks (``align_corners=False``).

    Args:
        frame_size: ``(width, height)`` of the frame.
        box: part of the frame that the plane covers.
        plane_size: ``(width, height)`` of the plane.
    """
    return Taps(
        *_along(frame_size[0], box.left, box.right, plane_size[0]),
        *_along(frame_size[1], box.top, box.bottom, plane_size[1]),
    )


def _along(
    count: int, first: float, last: float, samples: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    centres = np.arange(count, dtype=np.float64) + 0.5
    position = (centres - first) * (samples / (last - first)) - 0.5
    position = np.clip(position, 0.0, samples - 1.0)
    index = np.minimum(position.astype(np.int32), max(0, samples - 2))
    weight = (position - index).astype(np.float32)
    index[(centres < first) | (centres > last)] = _OUTSIDE
    return index, weight
