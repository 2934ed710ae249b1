"""Conversion of pictures between pixel formats."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from livebg.frame import BGR, PixelFormat
from livebg.pixels import has_numba
from livebg.pixels.colour_matrix import TO_YUV, exact_to_yuv

__all__ = ["converted", "encode_with_numpy"]

U8 = NDArray[np.uint8]

_BLACK = np.array([[16], [128], [128]])

_CV2_FROM_BT601 = {
    "i420": cv2.COLOR_YUV2BGR_I420,
    "nv12": cv2.COLOR_YUV2BGR_NV12,
    "yuy2": cv2.COLOR_YUV2BGR_YUY2,
}
"""OpenCV knows this matrix only, and takes a tenth of the time."""


def converted(image: U8, source: PixelFormat, target: PixelFormat) -> U8:
    """Return ``image``, which has no alpha, in another format.

    Returns:
        ``image`` itself where it is in that format, else a new array.

    Raises:
        ValueError: ``target`` halves an odd side.
    """
    if source == target:
        return image
    size = source.size(image)
    if not target.holds(size):
        raise ValueError(f"a picture of {size[0]}x{size[1]} cannot be halved as {target.layout}")
    bgr = image if source == BGR else _decode(image, source)
    return bgr if target == BGR else _encode(bgr, target)


def _encode(bgr: U8, target: PixelFormat) -> U8:
    if has_numba():
        from livebg.pixels.encoding import encode

        return encode(bgr, target)
    return encode_with_numpy(bgr, target)


def encode_with_numpy(image: U8, pixel_format: PixelFormat) -> U8:
    """Return what ``encoding.encode`` does, to within one level, several times slower.

    Args:
        image: ``(H, W, 3)`` uint8 BGR.
        pixel_format: a format that can hold its size.
    """
    if pixel_format.matrix is None:
        return np.array(image if pixel_format.layout == "bgr" else image[..., ::-1], order="C")
    height, width = image.shape[:2]
    weights = np.hstack([TO_YUV[pixel_format.matrix] / 256, _BLACK])
    luma = cv2.transform(image, weights[:1])
    down = 1 if pixel_format.layout == "yuy2" else 2
    # Where linear interpolation halves, it is the mean.
    halved = cv2.resize(image, (width // 2, height // down), interpolation=cv2.INTER_LINEAR)
    chroma = np.asarray(cv2.transform(halved, weights[1:]), np.uint8)
    out = np.empty(pixel_format.shape((width, height)), np.uint8)
    if pixel_format.layout == "yuy2":
        out[..., 0], out[..., 1] = luma, chroma.reshape(height, width)
        return out
    out[:height] = luma
    planes = chroma if pixel_format.layout == "nv12" else chroma.transpose(2, 0, 1)
    out[height:] = planes.reshape(-1, width)
    return out


def _decode(image: U8, source: PixelFormat) -> U8:
    """Return ``image`` as ``(H, W, 3)`` BGR, each chroma sample for all the pixels it is of."""
    if source.matrix is None:
        return np.ascontiguousarray(image[..., ::-1])
    if source.matrix == "bt601":
        return np.asarray(cv2.cvtColor(image, _CV2_FROM_BT601[source.layout]), np.uint8)
    width, height = source.size(image)
    match source.layout:
        case "yuy2":
            luma, chroma = image[..., 0], image[..., 1].reshape(height, width // 2, 2)
        case "nv12":
            luma, chroma = image[:height], image[height:].reshape(height // 2, width // 2, 2)
        case _:
            planes = image[height:].reshape(2, height // 2, width // 2)
            luma, chroma = image[:height], planes.transpose(1, 2, 0)
    repeated = cv2.resize(
        np.ascontiguousarray(chroma), (width, height), interpolation=cv2.INTER_NEAREST
    )
    to_bgr = np.linalg.inv(exact_to_yuv(source.matrix))
    bgr = cv2.transform(np.dstack([luma, repeated]), np.hstack([to_bgr, -to_bgr @ _BLACK]))
    return np.asarray(bgr, np.uint8)
