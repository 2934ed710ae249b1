"""Fit a picture whole into another size."""

from __future__ import annotations

import cv2
import numpy as np

from livebg.types import Image, Size

__all__ = ["letterbox"]


def letterbox(image: Image, size: Size) -> Image:
    """Scale ``image`` to fit into ``size`` and centre it on black.

    Args:
        image: ``(H, W)`` or ``(H, W, C)`` uint8; not changed.
        size: ``(width, height)`` in pixels.

    Returns:
        ``image`` itself where it has that size, else a new array. Bars are 0 in every channel.
    """
    width, height = size
    old_height, old_width = image.shape[:2]
    if (old_width, old_height) == size:
        return image
    scale = min(width / old_width, height / old_height)
    inner = (max(1, round(old_width * scale)), max(1, round(old_height * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    fitted = np.zeros((height, width, *image.shape[2:]), np.uint8)
    fitted[top : top + inner[1], left : left + inner[0]] = cv2.resize(
        image, inner, interpolation=method
    )
    return fitted
