"""Short lines of text on a picture: captions, the privacy card, an overlay."""

from __future__ import annotations

import cv2

from livebg.types import Image, Size

__all__ = ["draw_text", "text_size"]

Colour = tuple[int, int, int]

_FONTS = {False: cv2.FONT_HERSHEY_SIMPLEX, True: cv2.FONT_HERSHEY_DUPLEX}
_HEIGHT_AT_SCALE_1 = 30.0
"""Line height of OpenCV's fonts at scale 1, in pixels."""


def text_size(text: str, height_px: float, *, bold: bool = False) -> Size:
    """Return the ``(width, height)`` in pixels that ``text`` takes, without its descenders."""
    width, height = cv2.getTextSize(text, _FONTS[bold], height_px / _HEIGHT_AT_SCALE_1, 1)[0]
    return int(width), int(height)


def draw_text(
    image: Image,
    text: str,
    at: tuple[int, int],
    height_px: float,
    colour: Colour,
    *,
    bold: bool = False,
) -> None:
    """Write ``text`` into ``image``.

    Args:
        image: ``(H, W, 3)`` uint8 BGR, C-contiguous; changed in place.
        text: one line.
        at: ``(x, y)`` of the left end of the text's baseline, in pixels.
        height_px: height of a line, in pixels.
        colour: BGR, 0..255.
        bold: whether to use the heavier font.
    """
    scale = height_px / _HEIGHT_AT_SCALE_1
    cv2.putText(image, text, at, _FONTS[bold], scale, colour, 1, cv2.LINE_AA)
