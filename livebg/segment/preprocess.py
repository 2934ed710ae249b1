"""From a frame to what a network sees."""

from __future__ import annotations

import math

from livebg.types import Frame, Size

__all__ = ["check_frame_size", "fit_input_size"]


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
