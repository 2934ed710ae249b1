"""The interface of every segmenter."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from livebg.closable import Closable
from livebg.frame import Box, FloatImage, Frame, FramePyramid, Matte, Size

__all__ = ["Segmenter", "SegmenterInfo", "fit_input_size", "plain_matte"]


_MULTIPLE = 16
"""Pixels; RVM's deepest features are 1/16 of its input's size."""


def fit_input_size(frame_size: Size, pixels_like: Size) -> Size:
    """Return a network input of the frame's shape with about as many pixels as ``pixels_like``.

    Args:
        frame_size: ``(width, height)`` of the frames.
        pixels_like: ``(width, height)`` of the same area.

    Example:
        >>> fit_input_size((1920, 1080), (256, 144))
        (256, 144)
        >>> fit_input_size((720, 1280), (256, 144))
        (144, 256)
    """
    width, height = frame_size
    scale = math.sqrt(pixels_like[0] * pixels_like[1] / (width * height))
    return (
        max(_MULTIPLE, round(width * scale / _MULTIPLE) * _MULTIPLE),
        max(_MULTIPLE, round(height * scale / _MULTIPLE) * _MULTIPLE),
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
    """Description of a segmenter.

    Attributes:
        model: catalogue name of the network, or the path of a user's file.
        engine: library, device and arithmetic: ``openvino CPU int8+bf16``, ``torch cpu f32``.
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
    """Finds the people, or other kept classes, in a frame. Called by one thread at a time.

    A segmenter is made for one size of frame and refuses frames of another.
    """

    @property
    @abstractmethod
    def info(self) -> SegmenterInfo:
        """The network and its engine."""

    @abstractmethod
    def segment(self, pyramid: FramePyramid) -> Matte:
        """Return the matte of the frame of ``pyramid``, with arrays that the caller owns.

        Raises:
            DeviceLostError: the network's device is gone or out of memory.
            ModelError: the network failed, or returned values that are not numbers.
            ValueError: the frame's size is not the one that the segmenter was built for.
        """

    @abstractmethod
    def reset(self) -> None:
        """Forget all earlier frames; does nothing for a network without memory."""

    @abstractmethod
    def close(self) -> None:
        """Release what the engine holds. Idempotent; ``segment`` then raises ModelError."""
