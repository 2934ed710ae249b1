"""Pictures side by side, each under its caption."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from livebg.compose.text import draw_text, text_size
from livebg.types import Image

__all__ = ["caption_height", "on_checkerboard", "side_by_side"]

_PAPER = (32, 32, 32)
_INK = (235, 235, 235)
_LIGHT_SQUARE, _DARK_SQUARE = 255, 204


def caption_height(height_px: int) -> int:
    """Return the height of a line of text that suits a picture ``height_px`` high, in pixels."""
    return min(96, max(14, round(height_px / 24)))


def side_by_side(pictures: Sequence[tuple[str, Image]]) -> Image:
    """Return the pictures in a row, each with its caption above it.

    Args:
        pictures: captions, and ``(H, W, 3)`` BGR or ``(H, W, 4)`` BGRA uint8 pictures of one
            height; BGRA ones are shown on a checkerboard.

    Returns:
        ``(H', W', 3)`` uint8 BGR, a new array.

    Raises:
        ValueError: there are no pictures, or their heights differ.
    """
    heights = {image.shape[0] for _, image in pictures}
    if len(heights) != 1:
        raise ValueError(f"pictures side by side need one height, got {sorted(heights)}")
    line_px = caption_height(heights.pop())
    gap = np.full((1, max(2, line_px // 6), 3), _PAPER, np.uint8)
    columns: list[Image] = []
    for caption, image in pictures:
        column = _captioned(caption, image, line_px)
        if columns:
            columns.append(np.broadcast_to(gap, (column.shape[0], *gap.shape[1:])))
        columns.append(column)
    return np.concatenate(columns, axis=1)


def on_checkerboard(image: Image) -> Image:
    """Return a BGRA picture on the checkerboard that stands for transparency.

    Args:
        image: ``(H, W, 4)`` uint8 BGRA, straight alpha.

    Returns:
        ``(H, W, 3)`` uint8 BGR.
    """
    height, width = image.shape[:2]
    square_px = max(4, height // 40)
    rows = np.arange(height)[:, np.newaxis] // square_px
    columns = np.arange(width)[np.newaxis] // square_px
    board = np.where((rows + columns) % 2, _DARK_SQUARE, _LIGHT_SQUARE).astype(np.uint8)
    alpha = image[..., 3].astype(np.float32) / 255
    return cv2.blendLinear(
        np.ascontiguousarray(image[..., :3]), cv2.merge([board] * 3), alpha, 1 - alpha
    ).astype(np.uint8, copy=False)


def _captioned(caption: str, image: Image, line_px: int) -> Image:
    picture = on_checkerboard(image) if image.shape[2] == 4 else image
    width = picture.shape[1]
    strip = np.full((line_px + line_px // 2, width, 3), _PAPER, np.uint8)
    text_px = line_px * min(1.0, 0.9 * width / text_size(caption, line_px)[0])
    left = (width - text_size(caption, text_px)[0]) // 2
    draw_text(strip, caption, (left, line_px), text_px, _INK)
    return np.concatenate([strip, picture], axis=0)
