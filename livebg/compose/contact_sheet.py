"""Many pictures on one sheet, each with its caption."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from livebg.compose.compare import on_checkerboard
from livebg.compose.letterbox import letterbox
from livebg.compose.text import draw_text, text_size
from livebg.types import Image, Size

__all__ = ["contact_sheet"]

_PAPER = (38, 33, 30)
_INK = (226, 220, 214)
_MARGIN = 1 / 30
"""Space around a picture, as a share of its width."""

_CAPTION = 1 / 20
"""Height of a line of text, as a share of a picture's width."""


def contact_sheet(
    pictures: Sequence[tuple[str, Image]], *, columns: int, picture_size: Size, title: str = ""
) -> Image:
    """Lay pictures out in rows.

    Args:
        pictures: captions, and ``(H, W, 3)`` BGR or ``(H, W, 4)`` BGRA uint8 pictures of any size;
            BGRA ones are shown on a checkerboard.
        columns: pictures in a row.
        picture_size: ``(width, height)`` that each is fitted into, in pixels.
        title: a line above all of them.

    Returns:
        ``(H', W', 3)`` uint8 BGR, a new array.

    Example:
        >>> import numpy as np
        >>> picture = np.zeros((90, 160, 3), np.uint8)
        >>> contact_sheet([("a", picture)] * 3, columns=2, picture_size=(160, 90)).shape
        (244, 335, 3)
    """
    width, height = picture_size
    margin = round(width * _MARGIN)
    line_px = width * _CAPTION
    strip = round(2.2 * line_px)
    top = margin + (round(2.6 * line_px) if title else 0)
    rows = -(-len(pictures) // columns)
    sheet = np.full(
        (top + rows * (height + strip), margin + columns * (width + margin), 3), _PAPER, np.uint8
    )
    if title:
        draw_text(
            sheet, title, (margin, top - round(0.9 * line_px)), 1.35 * line_px, _INK, bold=True
        )
    for place, (caption, image) in enumerate(pictures):
        row, column = divmod(place, columns)
        left, upper = margin + column * (width + margin), top + row * (height + strip)
        opaque = on_checkerboard(image) if image.shape[2] == 4 else image
        sheet[upper : upper + height, left : left + width] = letterbox(opaque, picture_size)
        cv2.rectangle(sheet, (left - 1, upper - 1), (left + width, upper + height), (70, 64, 60), 1)
        text_px = line_px * min(1.0, width / max(1, text_size(caption, line_px)[0]))
        draw_text(sheet, caption, (left, upper + height + round(1.35 * line_px)), text_px, _INK)
    return sheet
