"""The privacy card: what a sink shows when there is nothing that is safe to show."""

from __future__ import annotations

import numpy as np

from livebg.compose.text import draw_text, text_size
from livebg.types import Image, Size

__all__ = ["privacy_card"]

_TOP = np.array((54, 46, 42), np.float32)
_BOTTOM = np.array((30, 25, 22), np.float32)
_INK = (222, 214, 208)
_WIDEST = 0.86
"""Share of the card's width that the sentence may take."""


def privacy_card(size: Size, text: str) -> Image:
    """Draw a calm dark plate with one short sentence in its middle; no camera pixel is in it.

    Args:
        size: ``(width, height)`` in pixels.
        text: the sentence; it shrinks until it fits.

    Returns:
        A new ``(H, W, 3)`` uint8 BGR array.

    Example:
        >>> privacy_card((640, 360), "Starting").shape
        (360, 640, 3)
    """
    width, height = size
    down = np.linspace(0.0, 1.0, height, dtype=np.float32)[:, None]
    column = np.rint(_TOP * (1 - down) + _BOTTOM * down).astype(np.uint8)
    card = np.repeat(column[:, None, :], width, axis=1)
    line_px = height / 14
    text_px, rise_px = text_size(text, line_px)
    if text_px > _WIDEST * width:
        line_px *= _WIDEST * width / text_px
        text_px, rise_px = text_size(text, line_px)
    draw_text(card, text, ((width - text_px) // 2, (height + rise_px) // 2), line_px, _INK)
    return card
