"""A picture to sit in front of: hills in the evening, drawn and not photographed."""

from __future__ import annotations

import cv2
import numpy as np

from livebg.types import FloatImage, Image, Size

__all__ = ["landscape"]

_SKY = ((112, 74, 58), (150, 120, 120), (140, 170, 235), (130, 200, 255))
"""BGR from the top of the sky to the horizon."""

_SUN = (190, 235, 255)
_HILLS = ((142, 118, 128), (112, 88, 84), (84, 66, 54), (56, 46, 34))
"""BGR from the farthest to the nearest."""

_HORIZON = 0.62
_SHARP = 2
"""The picture is drawn this many times larger and averaged down, for smooth outlines."""


def landscape(size: Size) -> Image:
    """Draw hills under an evening sky; the same every time.

    Args:
        size: ``(width, height)`` in pixels.

    Returns:
        A new ``(H, W, 3)`` uint8 BGR array.

    Example:
        >>> landscape((64, 36)).shape
        (36, 64, 3)
    """
    width, height = size[0] * _SHARP, size[1] * _SHARP
    x = np.linspace(0.0, size[0] / size[1], width, dtype=np.float32)
    y = np.linspace(0.0, 1.0, height, dtype=np.float32)[:, None]
    picture = _sky(x, y)
    for nearness, colour in enumerate(_HILLS):
        ridge = _ridge(x, nearness)
        haze = np.clip((y - ridge) * (3.2 - 0.5 * nearness), 0.0, 1.0)[..., None]
        shade = np.asarray(colour, np.float32) * (1.12 - 0.3 * haze)
        picture = np.where((y > ridge)[..., None], shade, picture)
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return np.clip(np.rint(small), 0, 255).astype(np.uint8)


def _sky(x: FloatImage, y: FloatImage) -> FloatImage:
    stops = np.linspace(0.0, _HORIZON, len(_SKY))
    column = np.stack([np.interp(y[:, 0], stops, channel) for channel in zip(*_SKY, strict=True)])
    sky = np.repeat(column.T[:, None, :], len(x), axis=1).astype(np.float32)
    distance = np.hypot(x - 0.72 * x[-1], y - 0.44)
    glow = 0.75 * np.exp(-((distance / 0.22) ** 2)) + np.clip((0.055 - distance) * 400, 0, 1)
    glow = np.clip(glow, 0, 1)[..., None]
    mixed: FloatImage = sky * (1 - glow) + np.asarray(_SUN, np.float32) * glow
    return mixed


def _ridge(x: FloatImage, nearness: int) -> FloatImage:
    """Return the height of a chain of hills over the picture's width, 0 at the top, 1 below."""
    phase = 1.7 * nearness
    waves = (
        0.055 * np.sin(2.1 * x + 2.3 * phase)
        + 0.025 * np.sin(5.3 * x + 4.1 * phase)
        + 0.008 * np.sin(13.7 * x + 7.9 * phase)
    )
    ridge: FloatImage = _HORIZON - 0.05 + 0.1 * nearness + waves / (1 + 0.25 * nearness)
    return ridge
