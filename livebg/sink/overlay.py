"""Text on a picture, readable on any."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from livebg.types import Image

__all__ = ["draw_overlay"]

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_FONT_PX = 22.0
"""Height of a capital letter of that font at scale 1, in pixels."""

_LETTERS_PER_PICTURE = 40.0
"""A capital letter is this part of the picture's height."""

_SMALLEST_PX = 8.0
_DIMMING = 0.3
"""What is left of the picture's light behind the text."""


def draw_overlay(image: Image, lines: Sequence[str]) -> Image:
    """Return a copy of ``image`` with ``lines`` at its top left, white on a darkened patch.

    The font knows ASCII only; other letters become question marks. A line that is too long for
    the picture is cut off at its edge.

    Args:
        image: ``(H, W, 3)`` uint8 BGR, not altered.
        lines: what to write, one below the other; none returns ``image`` itself.
    """
    if not lines:
        return image
    texts = [line.encode("ascii", "replace").decode() for line in lines]
    height, width = image.shape[:2]
    letter_px = max(_SMALLEST_PX, height / _LETTERS_PER_PICTURE)
    scale = letter_px / _FONT_PX
    thickness = max(1, round(scale * 1.6))
    line_px = round(letter_px * 1.9)
    margin = round(letter_px)
    longest = max(cv2.getTextSize(text, _FONT, scale, thickness)[0][0] for text in texts)
    right = min(width, longest + 3 * margin)
    bottom = min(height, line_px * len(texts) + 2 * margin)

    drawn = image.copy()
    patch = drawn[margin // 2 : bottom, margin // 2 : right]
    patch[:] = (patch * _DIMMING).astype(np.uint8)
    for row, text in enumerate(texts, start=1):
        origin = (round(1.5 * margin), row * line_px + margin // 2)
        cv2.putText(drawn, text, origin, _FONT, scale, (255, 255, 255), thickness, cv2.LINE_AA)
    return drawn
