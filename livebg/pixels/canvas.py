"""A picture in any format, as compiled code writes it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from livebg.pixel_format import PixelFormat
from livebg.pixels.matrices import TO_YUV

__all__ = ["BGR", "I420", "NV12", "RGB", "YUY2", "Canvas", "canvas"]

BGR, RGB, I420, NV12, YUY2 = range(5)
"""The layouts as compiled code tells them apart."""

_LAYOUTS = {"bgr": BGR, "rgb": RGB, "i420": I420, "nv12": NV12, "yuy2": YUY2}

_NO_WEIGHTS = np.zeros((3, 3), np.int32)


class Canvas(NamedTuple):
    """The planes of a picture, and lines to work in.

    Attributes:
        layout: one of the numbers above.
        weights: ``(3, 3)`` int32; see ``matrices.TO_YUV``.
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
    if layout in (I420, NV12):
        luma, chroma = image[:height], image[height:].reshape(-1)
        halves = 1 if layout == NV12 else 2
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
