"""Class maps: every pixel in the colour of its class, with a legend of the classes present."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from livebg.compose.compare import caption_height
from livebg.compose.text import draw_text, text_size
from livebg.types import Box, Image, Size

__all__ = ["colour_classes", "full_size_labels", "labels_from_alpha", "with_legend"]

_PAPER = (32, 32, 32)
_INK = (235, 235, 235)


def full_size_labels(labels: NDArray[np.uint8], box: Box, size: Size) -> NDArray[np.uint8]:
    """Return the class of every pixel of a frame; class 0 (background) outside ``box``.

    Args:
        labels: ``(h, w)`` uint8 class indices at the network's size.
        box: the part of the frame that they cover, in pixels.
        size: ``(width, height)`` of the frame.

    Returns:
        ``(H, W)`` uint8, a new array.
    """
    left, top = max(0, round(box.left)), max(0, round(box.top))
    right, bottom = min(size[0], round(box.right)), min(size[1], round(box.bottom))
    full = np.zeros((size[1], size[0]), np.uint8)
    if right > left and bottom > top:
        full[top:bottom, left:right] = cv2.resize(
            labels, (right - left, bottom - top), interpolation=cv2.INTER_NEAREST_EXACT
        )
    return full


def labels_from_alpha(alpha: Image, index: int) -> NDArray[np.uint8]:
    """Return ``index`` where a pixel is more foreground than not, and class 0 elsewhere.

    Args:
        alpha: ``(H, W)`` uint8 matte.
        index: the class of the foreground.

    Returns:
        ``(H, W)`` uint8, a new array.
    """
    return np.where(alpha > 127, index, 0).astype(np.uint8)


def colour_classes(labels: NDArray[np.uint8], palette: NDArray[np.uint8]) -> Image:
    """Return every pixel in the colour of its class.

    Args:
        labels: ``(H, W)`` uint8 class indices, below the palette's length.
        palette: ``(N, 3)`` uint8 BGR, a row a class.

    Returns:
        ``(H, W, 3)`` uint8 BGR, a new array.
    """
    return palette[labels]


def with_legend(
    image: Image,
    labels: NDArray[np.uint8],
    names: Sequence[str],
    palette: NDArray[np.uint8],
) -> Image:
    """Return ``image`` above a legend of the classes that are present.

    Args:
        image: ``(H, W, 3)`` uint8 BGR.
        labels: ``(h, w)`` uint8 class indices of what the picture shows.
        names: the classes' names by index.
        palette: ``(N, 3)`` uint8 BGR, a row a class.

    Returns:
        ``(H', W, 3)`` uint8 BGR, a new array.
    """
    present = np.flatnonzero(np.bincount(labels.ravel(), minlength=len(names))).tolist()
    line_px = caption_height(labels.shape[0])
    width = image.shape[1]
    widest = max(text_size(names[index], line_px)[0] for index in present) + 3 * line_px
    per_row = max(1, width // widest)
    row_px = line_px + line_px // 2
    rows = -(-len(present) // per_row)
    legend = np.full((rows * row_px + line_px // 2, width, 3), _PAPER, np.uint8)
    for place, index in enumerate(present):
        row, column = divmod(place, per_row)
        left = column * widest + line_px // 2
        top = row * row_px + line_px // 2
        colour = palette[index].tolist()
        corner = (left + line_px, top + line_px)
        cv2.rectangle(legend, (left, top), corner, colour, cv2.FILLED)
        cv2.rectangle(legend, (left, top), corner, _INK, 1)
        baseline = (left + line_px + line_px // 2, top + line_px - line_px // 5)
        draw_text(legend, names[index], baseline, line_px, _INK)
    return np.concatenate([image, legend], axis=0)
