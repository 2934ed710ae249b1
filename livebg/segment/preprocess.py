"""From a frame to what a network sees."""

from __future__ import annotations

import math

import cv2

from livebg.types import Frame, Image, Size

__all__ = ["check_frame_size", "fit_input_size", "shrink"]


def check_frame_size(frame: Frame, expected: Size) -> None:
    """Refuse a frame of another size than the one that a segmenter was built for.

    Raises:
        ValueError: ``frame.size`` is not ``expected``.
    """
    if frame.size != expected:
        raise ValueError(
            f"frame {frame.index} is {frame.size[0]}x{frame.size[1]}, but the segmenter was built "
            f"for {expected[0]}x{expected[1]}"
        )


def fit_input_size(frame_size: Size, pixels_like: Size, *, multiple: int = 16) -> Size:
    """Return a network input of the frame's shape with about as many pixels as ``pixels_like``.

    Args:
        frame_size: ``(width, height)`` of the frames.
        pixels_like: ``(width, height)`` whose area is wanted.
        multiple: both sides are rounded to multiples of this many pixels.

    Example:
        >>> fit_input_size((1920, 1080), (256, 144))
        (256, 144)
        >>> fit_input_size((720, 1280), (256, 144))
        (144, 256)
    """
    width, height = frame_size
    scale = math.sqrt(pixels_like[0] * pixels_like[1] / (width * height))
    return (
        max(multiple, round(width * scale / multiple) * multiple),
        max(multiple, round(height * scale / multiple) * multiple),
    )


def shrink(frame: Frame, size: Size, *, out: Image | None = None) -> Image:
    """Resize a frame to a network's input, without aliasing and at little cost.

    Halving by area is exact, vectorised and shared with the other stages (``Frame.halved``), so
    only the last step, by less than two, is done here.

    Args:
        frame: the frame; not modified.
        size: ``(width, height)`` of the result.
        out: ``(h, w, 3)`` uint8 to write into, or None for a new array.

    Returns:
        ``(h, w, 3)`` uint8 BGR.
    """
    width, height = size
    halvings = 0
    while min(frame.size[0] // width, frame.size[1] // height) >> (halvings + 1):
        halvings += 1
    image = frame.halved(halvings)
    smaller = image.shape[1] > width or image.shape[0] > height
    method = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return cv2.resize(image, size, dst=out, interpolation=method)
