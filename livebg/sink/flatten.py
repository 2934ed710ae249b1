"""Pictures with an alpha channel for sinks that have none."""

from __future__ import annotations

import cv2
import numpy as np

from livebg.types import Image, Size

__all__ = ["checkerboard", "flatten"]


def flatten(image: Image, plate: Image | None = None) -> Image:
    """Return ``image`` without its alpha channel, laid over ``plate``.

    Dropping the channel would show the room: straight alpha leaves its colours in place.

    Args:
        image: ``(H, W, 3)`` BGR, which is returned as it is, or ``(H, W, 4)`` BGRA with straight
            alpha; uint8, not altered.
        plate: ``(H, W, 3)`` uint8 BGR, what shows through; None is black.

    Returns:
        ``(H, W, 3)`` uint8 BGR.

    Example:
        >>> room_hidden = flatten(np.array([[[9, 9, 9, 0]]], np.uint8))
        >>> room_hidden.tolist()
        [[[0, 0, 0]]]
    """
    if image.shape[2] == 3:
        return image
    alpha = cv2.cvtColor(image[..., 3], cv2.COLOR_GRAY2BGR)
    flat = cv2.multiply(image[..., :3], alpha, scale=1 / 255)
    if plate is not None:
        flat = cv2.add(flat, cv2.multiply(plate, cv2.bitwise_not(alpha), scale=1 / 255))
    return np.asarray(flat, np.uint8)


def checkerboard(size: Size) -> Image:
    """Return the grey squares that picture editors show behind what is transparent.

    Args:
        size: ``(width, height)`` in pixels.

    Returns:
        ``(H, W, 3)`` uint8 BGR.
    """
    width, height = size
    square_px = max(4, height // 45)
    dark = (np.arange(height)[:, None] // square_px + np.arange(width) // square_px) % 2
    return np.repeat(np.where(dark, 153, 204).astype(np.uint8)[..., None], 3, axis=2)
