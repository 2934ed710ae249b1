"""``encoding`` without numba: the same pixels to within one level, several times slower."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from livebg.frame import PixelFormat
from livebg.pixels.encoding import TO_YUV

__all__ = ["encode"]

U8 = NDArray[np.uint8]

_OFFSETS = np.array([[16], [128], [128]])


def encode(image: U8, pixel_format: PixelFormat) -> U8:
    """Return ``image``, ``(H, W, 3)`` uint8 BGR, in ``pixel_format``, which can hold its size."""
    if pixel_format.matrix is None:
        return np.array(image if pixel_format.layout == "bgr" else image[..., ::-1], order="C")
    height, width = image.shape[:2]
    weights = np.hstack([TO_YUV[pixel_format.matrix] / 256, _OFFSETS])
    luma = cv2.transform(image, weights[:1])
    down = 1 if pixel_format.layout == "yuy2" else 2
    # Where linear interpolation halves, it is the mean.
    halved = cv2.resize(image, (width // 2, height // down), interpolation=cv2.INTER_LINEAR)
    chroma = np.asarray(cv2.transform(halved, weights[1:]), np.uint8)
    out = np.empty(pixel_format.shape((width, height)), np.uint8)
    match pixel_format.layout:
        case "yuy2":
            out[..., 0] = luma
            out[..., 1] = chroma.reshape(height, width)
        case "nv12":
            out[:height] = luma
            out[height:] = chroma.reshape(-1, width)
        case _:
            out[:height] = luma
            out[height:] = chroma.transpose(2, 0, 1).reshape(-1, width)
    return out
