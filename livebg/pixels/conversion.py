"""A picture from one pixel format to another."""

from __future__ import annotations

import logging
from functools import cache
from types import ModuleType

import cv2
import numpy as np
from numpy.typing import NDArray

from livebg.frame import BGR, PixelFormat
from livebg.pixels.encoding import TO_BGR
from livebg.pixels.jit import numpy_stands_in

__all__ = ["converted"]

_log = logging.getLogger(__name__)

_BLACK = np.array([16, 128, 128])

_FROM_BT601 = {
    "i420": cv2.COLOR_YUV2BGR_I420,
    "nv12": cv2.COLOR_YUV2BGR_NV12,
    "yuy2": cv2.COLOR_YUV2BGR_YUY2,
}
"""OpenCV knows this matrix only, and takes a tenth of the time."""


def converted(
    image: NDArray[np.uint8], source: PixelFormat, target: PixelFormat
) -> NDArray[np.uint8]:
    """Return ``image`` in another format.

    Args:
        image: uint8, without alpha, in the format ``source``; not altered.
        source: its format.
        target: the format that is wanted.

    Returns:
        ``image`` itself where it is in that format, else a new array.

    Raises:
        ValueError: ``target`` halves what is odd.

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
    return bgr if target == BGR else np.asarray(_encoding().encode(bgr, target), np.uint8)


def _encoding() -> ModuleType:
    """Return ``encoding``, or while that stands in or where numba is missing ``encoding_numpy``."""
    if numpy_stands_in():
        from livebg.pixels import encoding_numpy

        return encoding_numpy
    return _compiled_encoding()


@cache
def _compiled_encoding() -> ModuleType:
    try:
        from livebg.pixels import encoding
    except ImportError as error:
        _log.info("numba is not installed (%s): converting with numpy, which is slower", error)
        from livebg.pixels import encoding_numpy

        return encoding_numpy
    return encoding


def _decode(image: NDArray[np.uint8], source: PixelFormat) -> NDArray[np.uint8]:
    """Return ``image`` as ``(H, W, 3)`` BGR, each chroma sample for all the pixels it is of."""
    if source.matrix is None:
        return np.ascontiguousarray(image[..., ::-1])
    if source.matrix == "bt601":
        return np.asarray(cv2.cvtColor(image, _FROM_BT601[source.layout]), np.uint8)
    width, height = source.size(image)
    match source.layout:
        case "yuy2":
            luma, chroma = image[..., 0], image[..., 1].reshape(height, width // 2, 2)
        case "nv12":
            luma, chroma = image[:height], image[height:].reshape(height // 2, width // 2, 2)
        case _:
            planes = image[height:].reshape(2, height // 2, width // 2)
            luma, chroma = image[:height], planes.transpose(1, 2, 0)
    spread = cv2.resize(
        np.ascontiguousarray(chroma), (width, height), interpolation=cv2.INTER_NEAREST
    )
    weights = TO_BGR[source.matrix]
    offsets = -weights @ _BLACK[:, None]
    bgr = cv2.transform(np.dstack([luma, spread]), np.hstack([weights, offsets]))
    return np.asarray(bgr, np.uint8)
