"""Matrices from blue, green and red to Y, U and V."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from livebg.frame import ColourMatrix

__all__ = ["TO_YUV", "exact_to_yuv"]

_RED_AND_BLUE: Mapping[ColourMatrix, tuple[float, float]] = {
    "bt601": (0.299, 0.114),
    "bt709": (0.2126, 0.0722),
}
"""Their share in the luma (ITU-R BT.601-7, section 2.5.1; BT.709-6, item 3.2)."""

_LUMA_LEVELS, _CHROMA_LEVELS = 219 / 255, 224 / 255


def exact_to_yuv(matrix: ColourMatrix) -> NDArray[np.float64]:
    """Return Y - 16, U - 128 and V - 128, as rows, of blue, green and red."""
    red, blue = _RED_AND_BLUE[matrix]
    luma = np.array([blue, 1 - red - blue, red])
    u = (np.array([1, 0, 0]) - luma) / (1 - blue) / 2
    v = (np.array([0, 0, 1]) - luma) / (1 - red) / 2
    return np.stack([luma * _LUMA_LEVELS, u * _CHROMA_LEVELS, v * _CHROMA_LEVELS])


def _in_256ths(exact: NDArray[np.float64]) -> NDArray[np.int32]:
    """Round so that white keeps its luma and grey its lack of colour: green makes up the sum."""
    whole = np.rint(256 * exact).astype(np.int32)
    whole[:, 1] += np.rint(256 * exact.sum(axis=1)).astype(np.int32) - whole.sum(axis=1)
    return whole


TO_YUV: Mapping[ColourMatrix, NDArray[np.int32]] = MappingProxyType(
    {matrix: _in_256ths(exact_to_yuv(matrix)) for matrix in _RED_AND_BLUE}
)
"""``(3, 3)`` int32: Y, U and V of blue, green and red in 256ths, off by less than a level.

Every sum of products fits into 16 bits, which doubles what a vector instruction holds.
"""
