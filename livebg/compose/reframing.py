"""Showing a window of a frame at the frame's full size: picture and matte alike.

A frame is magnified before it is composed. So the person comes near and a background picture stays
where it is, and the outline is found in the magnified picture's own pixels.
"""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np

from livebg.types import Box, FloatImage, Frame, Image, Matte

__all__ = ["reframed", "window_of"]


def reframed(frame: Frame, matte: Matte, window: Box) -> tuple[Frame, Matte]:
    """Return ``window`` of a frame and of its matte, magnified to the frame's size.

    Args:
        frame: not altered.
        matte: the frame's own.
        window: a box inside the frame, of its shape; fractions of a pixel count, so that a slow pan
            does not stutter.

    Returns:
        A frame and a matte with new arrays; those given where the window is all of the frame.
    """
    if window == Box.whole(frame.size):
        return frame, matte
    shown = Frame(window_of(frame.image, window), frame.index, frame.captured_ns)
    return shown, _matte_in(matte, window, frame)


def window_of(image: Image, window: Box) -> Image:
    """Return ``window`` of ``image`` at the size of all of ``image``.

    The window is shifted to whole pixels bilinearly and then magnified, which takes a quarter
    of the time of an affine warp and stays within half a pixel of it.

    Args:
        image: ``(H, W)`` or ``(H, W, 3)`` uint8; not changed.
        window: a box inside it, in pixels.
    """
    height, width = image.shape[:2]
    columns, rows = math.ceil(window.width), math.ceil(window.height)
    centre = (window.left + (columns - 1) / 2, window.top + (rows - 1) / 2)
    part = cv2.getRectSubPix(image, (columns, rows), centre)
    magnified = (
        max(width, round(columns * width / window.width)),
        max(height, round(rows * height / window.height)),
    )
    shown = cv2.resize(part, magnified, interpolation=cv2.INTER_CUBIC)
    return np.ascontiguousarray(shown[:height, :width], np.uint8)


def _matte_in(matte: Matte, window: Box, frame: Frame) -> Matte:
    """Return what of ``matte`` lies in ``window``, in the pixels of the magnified frame.

    The coefficients are interpolated as they are when they are spread over a frame, and keep their
    resolution. Where the window holds nothing of the matte, there is nobody.
    """
    box = matte.box
    left, right = max(box.left, window.left), min(box.right, window.right)
    top, bottom = max(box.top, window.top), min(box.bottom, window.bottom)
    if left >= right or top >= bottom:
        nothing = np.zeros((1, 1), np.float32)
        whole = Box.whole(frame.size)
        return replace(matte, gain=nothing, offset=nothing, coarse=nothing, box=whole, labels=None)
    part = Box(left, top, right, bottom)
    # Rounded, so that what ends with the window ends with the frame.
    across, down = frame.size[0] / window.width, frame.size[1] / window.height
    return replace(
        matte,
        gain=_part_of(matte.gain, box, part),
        offset=_part_of(matte.offset, box, part),
        coarse=_part_of(matte.coarse, box, part),
        box=Box(
            round((left - window.left) * across, 3),
            round((top - window.top) * down, 3),
            round((right - window.left) * across, 3),
            round((bottom - window.top) * down, 3),
        ),
        labels=None,
    )


def _part_of(plane: FloatImage, box: Box, part: Box) -> FloatImage:
    """Return the ``part`` of a plane that covers ``box``, interpolated linearly."""
    height, width = plane.shape
    across, down = width / box.width, height / box.height
    size = (max(1, round(part.width * across)), max(1, round(part.height * down)))
    step_x, step_y = part.width * across / size[0], part.height * down / size[1]
    way = np.array(
        [
            [step_x, 0, (part.left - box.left) * across + step_x / 2 - 0.5],
            [0, step_y, (part.top - box.top) * down + step_y / 2 - 0.5],
        ]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = cv2.warpAffine(plane, way, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, np.float32)
