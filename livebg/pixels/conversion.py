"""Conversion of pictures between pixel formats, and the colour matrices for it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from livebg.frame import BGR, ColourMatrix, PixelFormat
from livebg.pixels import has_numba

__all__ = ["TO_YUV", "converted", "encode_with_numpy"]

U8 = NDArray[np.uint8]

_RED_AND_BLUE: Mapping[ColourMatrix, tuple[float, float]] = {
    "bt601": (0.299, 0.114),
    "bt709": (0.2126, 0.0722),
}
"""Their share in the luma (ITU-R BT.601-7, section 2.5.1; BT.709-6, item 3.2)."""

_LUMA_LEVELS, _CHROMA_LEVELS = 219 / 255, 224 / 255
_BLACK = np.array([[16], [128], [128]])


def _to_yuv(matrix: ColourMatrix) -> NDArray[np.float64]:
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
    {matrix: _in_256ths(_to_yuv(matrix)) for matrix in _RED_AND_BLUE}
)
"""``(3, 3)`` int32: Y, U and V of blue, green and red in 256ths, off by less than a level.

Every sum of products fits into 16 bits, which doubles what a vector instruction holds.
"""

_CV2_FROM_BT601 = {
    "i420": cv2.COLOR_YUV2BGR_I420,
    "nv12": cv2.COLOR_YUV2BGR_NV12,
    "yuy2": cv2.COLOR_YUV2BGR_YUY2,
}
"""OpenCV knows this matrix only, and takes a tenth of the time."""


def converted(image: U8, source: PixelFormat, target: PixelFormat) -> U8:
    """Return ``image`` in another format.

    Args:
        image: uint8, without alpha, in the format ``source``; not altered.
        source: its format.
        target: the format of the result.

    Returns:
        ``image`` itself where it is in that format, else a new array.

    Raises:
        ValueError: ``target`` halves an odd side.

    Example:
        >>> white = np.full((2, 2, 3), 255, np.uint8)
        >>> converted(white, BGR, PixelFormat("i420", "bt601")).tolist()
        [[235, 235], [235, 235], [128, 128]]
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
    to_bgr = np.linalg.inv(_to_yuv(source.matrix))
    bgr = cv2.transform(np.dstack([luma, repeated]), np.hstack([to_bgr, -to_bgr @ _BLACK]))
    return np.asarray(bgr, np.uint8)
