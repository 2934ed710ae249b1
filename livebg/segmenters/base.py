"""From a frame to what a network sees.

The matte of a network that gives alpha itself instead of coefficients.

The interface of every segmenter.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from livebg.closable import Closable
from livebg.frame import Box, FloatImage, Frame, Matte, Size

__all__ = ["Segmenter", "SegmenterInfo", "check_frame_size", "fit_input_size", "plain_matte"]


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


def plain_matte(alpha: FloatImage, frame: Frame, labels: NDArray[np.uint8] | None = None) -> Matte:
    """Return ``alpha`` as the matte of a whole frame, with gain 0.

    Args:
        alpha: ``(h, w)`` float32 in 0..1, C-contiguous; kept, not copied.
        frame: the frame that it was computed from.
        labels: ``(h, w)`` uint8 class indices; kept, not copied.
    """
    return Matte(
        gain=np.zeros_like(alpha),
        offset=alpha,
        coarse=alpha,
        box=Box.whole(frame.size),
        frame_index=frame.index,
        captured_ns=frame.captured_ns,
        labels=labels,
    )


@dataclass(frozen=True, slots=True)
class SegmenterInfo:
    """What a segmenter says of itself.

    Attributes:
        model: catalogue name of the network, or the path of a user's file.
        engine: what runs it, with the arithmetic: ``openvino CPU int8+bf16``, ``torch cpu f32``.
        input_size: ``(width, height)`` that the network sees.
        recurrent: True when it carries state from frame to frame (``reset`` forgets it).
        classes: names of its classes by index, empty for a network that only mattes people.
    """

    model: str
    engine: str
    input_size: Size
    recurrent: bool
    classes: tuple[str, ...] = ()


class Segmenter(Closable):
    """Finds the wanted part of a frame. Called by one thread at a time.

    A network is compiled for one size of frame: a frame of another size is refused, and whoever
    owns the segmenter builds a new one.
    """

    @property
    @abstractmethod
    def info(self) -> SegmenterInfo:
        """What runs, and how."""

    @abstractmethod
    def segment(self, frame: Frame) -> Matte:
        """Return the matte of ``frame``, with arrays that the caller owns.

        Raises:
            ModelError: the network failed, or returned something that is no matte.
            ValueError: the frame's size is not the one that the segmenter was built for.
        """

    @abstractmethod
    def reset(self) -> None:
        """Forget all earlier frames; does nothing for a network without memory."""

    @abstractmethod
    def close(self) -> None:
        """Release what the engine holds. Idempotent; ``segment`` then raises ModelError."""
