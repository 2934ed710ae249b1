"""Text on pictures, the privacy card, and letterboxing."""

from __future__ import annotations

import cv2
import numpy as np

from livebg.frame import Image, Size

__all__ = ["draw_text", "letterbox", "privacy_card", "text_size"]

_FONTS = {False: cv2.FONT_HERSHEY_SIMPLEX, True: cv2.FONT_HERSHEY_DUPLEX}
_HEIGHT_AT_SCALE_1 = 30.0
"""Line height of OpenCV's fonts at scale 1, in pixels."""

_CARD_TOP = np.array((54, 46, 42), np.float32)
_CARD_BOTTOM = np.array((30, 25, 22), np.float32)
_CARD_INK = (222, 214, 208)
_CARD_TEXT_WIDTH = 0.86
"""Share of the card's width that the sentence may take."""


def text_size(text: str, height_px: float, *, bold: bool = False) -> Size:
    """Return the ``(width, height)`` in pixels that ``text`` takes, without its descenders."""
    width, height = cv2.getTextSize(text, _FONTS[bold], height_px / _HEIGHT_AT_SCALE_1, 1)[0]
    return int(width), int(height)


def draw_text(
    image: Image,
    text: str,
    at: tuple[int, int],
    height_px: float,
    colour: tuple[int, int, int],
    *,
    bold: bool = False,
) -> None:
    """Write a line of text into ``image``, ``(H, W, 3)`` uint8 BGR, C-contiguous.

    The left end of its baseline comes to ``at``, ``(x, y)`` in pixels; ``colour`` is BGR, 0..255.
    """
    scale = height_px / _HEIGHT_AT_SCALE_1
    cv2.putText(image, text, at, _FONTS[bold], scale, colour, 1, cv2.LINE_AA)


def privacy_card(size: Size, text: str) -> Image:
    """Return the card that a sink gets instead of an unsafe frame; no camera pixel is in it.

    Returns:
        A new ``(H, W, 3)`` uint8 BGR array. ``text`` is one line, which shrinks until it fits.
    """
    width, height = size
    down = np.linspace(0.0, 1.0, height, dtype=np.float32)[:, None]
    column = np.rint(_CARD_TOP * (1 - down) + _CARD_BOTTOM * down).astype(np.uint8)
    card = np.repeat(column[:, None, :], width, axis=1)
    line_px = height / 14
    text_px, rise_px = text_size(text, line_px)
    if text_px > _CARD_TEXT_WIDTH * width:
        line_px *= _CARD_TEXT_WIDTH * width / text_px
        text_px, rise_px = text_size(text, line_px)
    draw_text(card, text, ((width - text_px) // 2, (height + rise_px) // 2), line_px, _CARD_INK)
    return card


def letterbox(image: Image, size: Size) -> Image:
    """Scale ``image`` to fit into ``size`` and centre it on black.

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
