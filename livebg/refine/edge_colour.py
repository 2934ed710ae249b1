"""The colours of person and room beside the edge, for cleaning the soft band between them.

A half-transparent pixel of a camera frame has some of the room in it. Shown in front of another
background that is a halo; the compositing kernel removes it with what is estimated here.
"""

from __future__ import annotations

import cv2
import numpy as np

from livebg.types import FloatImage, Frame

__all__ = ["EDGE_HALVINGS", "edge_colours"]

EDGE_HALVINGS = 3
"""The estimate is made at an eighth of the frame's size: colours near an edge vary slowly."""

_WINDOW_PX = 9
_LEAST_WEIGHT = 1e-3


def edge_colours(frame: Frame, alpha: FloatImage) -> FloatImage:
    """Return what person and room look like around each pixel (Forte & Pitie 2021, section 3).

    Each is the mean of the frame over a window, weighted by how much of it is person, or room:
    ``F = sum(alpha I) / sum(alpha)``, ``B = sum((1 - alpha) I) / sum(1 - alpha)``.

    Args:
        frame: the frame.
        alpha: ``(H // 8, W // 8)`` float32 in 0..1.

    Returns:
        ``(H // 8, W // 8, 6)`` float32 in 0..255: B, G, R of the person, then of the room.
    """
    small = frame.halved(EDGE_HALVINGS).astype(np.float32)
    window = (_WINDOW_PX, _WINDOW_PX)
    person_sum = cv2.blur(small * alpha[..., None], window)
    mean = cv2.blur(small, window)
    weight = cv2.blur(alpha, window)[..., None]
    person = (person_sum + _LEAST_WEIGHT * mean) / (weight + _LEAST_WEIGHT)
    room = (mean - person_sum + _LEAST_WEIGHT * mean) / (1 - weight + _LEAST_WEIGHT)
    return np.concatenate([person, room], axis=2)
