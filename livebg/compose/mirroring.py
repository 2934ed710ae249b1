"""Left and right swapped: picture and matte alike, after the matte was found."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from livebg.types import Box, FloatImage, Frame, Matte

__all__ = ["mirrored"]


def mirrored(frame: Frame, matte: Matte) -> tuple[Frame, Matte]:
    """Return a frame and its matte with left and right swapped.

    The network never sees a mirrored frame, so mirroring may begin and end at any time.

    Args:
        frame: not altered.
        matte: the frame's own.

    Returns:
        A frame and a matte with new arrays.
    """
    shown = Frame(np.asarray(cv2.flip(frame.image, 1), np.uint8), frame.index, frame.captured_ns)
    width, box = frame.size[0], matte.box
    turned = replace(
        matte,
        gain=_turned(matte.gain),
        offset=_turned(matte.offset),
        coarse=_turned(matte.coarse),
        box=Box(width - box.right, box.top, width - box.left, box.bottom),
        labels=None if matte.labels is None else _turned_labels(matte.labels),
    )
    return shown, turned


def _turned(plane: FloatImage) -> FloatImage:
    return np.ascontiguousarray(plane[:, ::-1])


def _turned_labels(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(labels[:, ::-1])
