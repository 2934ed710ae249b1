"""Sheets: pictures side by side under captions, legends of classes, and a drawn landscape."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from livebg.compositing.text import draw_text, letterbox, text_size
from livebg.frame import Box, FloatImage, Image, Size

__all__ = [
    "contact_sheet",
    "full_size_labels",
    "landscape",
    "on_checkerboard",
    "side_by_side",
    "with_legend",
]

_PAPER = (32, 32, 32)
_INK = (235, 235, 235)
_LIGHT_SQUARE, _DARK_SQUARE = 255, 204


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
    line_px = _line_height(heights.pop())
    columns: list[Image] = []
    for caption, image in pictures:
        column = _captioned(caption, image, line_px)
        if columns:
            gap = (column.shape[0], max(2, line_px // 6), 3)
            columns.append(np.full(gap, _PAPER, np.uint8))
        columns.append(column)
    return np.concatenate(columns, axis=1)


def contact_sheet(
    pictures: Sequence[tuple[str, Image]], *, columns: int, picture_size: Size, title: str
) -> Image:
    """Return the pictures in rows, each with its caption above it, under a title.

    Each picture, BGR or BGRA, is fitted into ``picture_size``.
    """
    cells = [(caption, letterbox(_opaque(image), picture_size)) for caption, image in pictures]
    blank = np.full((picture_size[1], picture_size[0], 3), _PAPER, np.uint8)
    cells += [("", blank)] * (-len(cells) % columns)
    rows = [side_by_side(cells[n : n + columns]) for n in range(0, len(cells), columns)]
    line_px = 2 * _line_height(picture_size[1])
    sides = (2 * line_px, line_px, line_px, line_px)
    bordered = cv2.copyMakeBorder(np.concatenate(rows), *sides, cv2.BORDER_CONSTANT, value=_PAPER)
    sheet = np.asarray(bordered, np.uint8)
    draw_text(sheet, title, (line_px, round(1.5 * line_px)), line_px, _INK, bold=True)
    return sheet


def on_checkerboard(image: Image) -> Image:
    """Return a picture with straight alpha on the checkerboard that stands for transparency."""
    height, width = image.shape[:2]
    square_px = max(4, height // 40)
    rows = np.arange(height)[:, np.newaxis] // square_px
    columns = np.arange(width)[np.newaxis] // square_px
    board = np.where((rows + columns) % 2, _DARK_SQUARE, _LIGHT_SQUARE).astype(np.uint8)
    alpha = image[..., 3].astype(np.float32) / 255
    return cv2.blendLinear(
        np.ascontiguousarray(image[..., :3]), cv2.merge([board] * 3), alpha, 1 - alpha
    ).astype(np.uint8, copy=False)


def _opaque(image: Image) -> Image:
    return on_checkerboard(image) if image.shape[2] == 4 else image


def _line_height(height_px: int) -> int:
    """Return the height of a line of text that suits a picture ``height_px`` high, in pixels."""
    return min(96, max(14, round(height_px / 24)))


def _captioned(caption: str, image: Image, line_px: int) -> Image:
    width = image.shape[1]
    strip = np.full((line_px + line_px // 2, width, 3), _PAPER, np.uint8)
    text_px = line_px * min(1.0, 0.9 * width / max(1, text_size(caption, line_px)[0]))
    left = (width - text_size(caption, text_px)[0]) // 2
    draw_text(strip, caption, (left, line_px), text_px, _INK)
    return np.concatenate([strip, _opaque(image)], axis=0)


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
    """
    present = np.flatnonzero(np.bincount(labels.ravel(), minlength=len(names))).tolist()
    line_px = _line_height(labels.shape[0])
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


def full_size_labels(labels: NDArray[np.uint8], box: Box, size: Size) -> NDArray[np.uint8]:
    """Return the class of every pixel of a frame; class 0 (background) outside ``box``.

    Args:
        labels: ``(h, w)`` uint8 class indices at the network's size.
        box: the part of the frame that they cover, in pixels.
        size: ``(width, height)`` of the frame.
    """
    left, top = max(0, round(box.left)), max(0, round(box.top))
    right, bottom = min(size[0], round(box.right)), min(size[1], round(box.bottom))
    full = np.zeros((size[1], size[0]), np.uint8)
    if right > left and bottom > top:
        full[top:bottom, left:right] = cv2.resize(
            labels, (right - left, bottom - top), interpolation=cv2.INTER_NEAREST_EXACT
        )
    return full


_SKY = ((112, 74, 58), (150, 120, 120), (140, 170, 235), (130, 200, 255))
"""BGR from the top of the sky to the horizon."""

_SUN = (190, 235, 255)
_HILLS = ((142, 118, 128), (112, 88, 84), (84, 66, 54), (56, 46, 34))
"""BGR from the farthest to the nearest."""

_HORIZON = 0.62
_SHARP = 2
"""The picture is drawn this many times larger and averaged down, for smooth outlines."""


def landscape(size: Size) -> Image:
    """Draw hills under an evening sky, ``(H, W, 3)`` uint8 BGR; the same every time."""
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
