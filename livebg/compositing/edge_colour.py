"""The colours of person and room beside the edge, for cleaning the soft band between them.

A half-transparent pixel of a camera frame has some of the room in it. Shown in front of another
background that is a halo; the compositing kernel removes it with what is estimated here.
"""

from __future__ import annotations

import cv2
import numpy as np

from livebg.frame import FloatImage, FramePyramid

__all__ = ["EDGE_HALVINGS", "WEIGHT_FLOOR", "WINDOW_PX", "edge_colours"]

EDGE_HALVINGS = 3
"""The estimate is made at an eighth of the frame's size: colours near an edge vary slowly."""

WINDOW_PX = 9
"""Side of the window that colours are averaged over, at that size."""

WEIGHT_FLOOR = np.float32(1e-3)
"""What keeps the colours known where there is no person, or no room."""

_WINDOW = (WINDOW_PX, WINDOW_PX)


def edge_colours(pyramid: FramePyramid, alpha: FloatImage) -> FloatImage:
    """Return what person and room look like around each pixel (Forte & Pitie 2021, section 3).

    Each is the mean of the frame over a window, weighted by how much of it is person, or room:
    ``F = sum(alpha I) / sum(alpha)``, ``B = sum((1 - alpha) I) / sum(1 - alpha)``. The channels
    are worked on one by one: numpy and OpenCV are three times as fast on planes.

    Args:
        pyramid: the frame.
        alpha: ``(H // 8, W // 8)`` float32 in 0..1.

    Returns:
        ``(H // 8, W // 8, 6)`` float32 in 0..255: B, G, R of the person, then of the room.
    """
    weight = np.asarray(cv2.blur(alpha, _WINDOW), np.float32)
    per_person = 1 / (weight + WEIGHT_FLOOR)
    per_room = 1 / (1 - weight + WEIGHT_FLOOR)
    person, room = [], []
    for plane in cv2.split(pyramid.halved(EDGE_HALVINGS)):
        mean = cv2.boxFilter(plane, cv2.CV_32F, _WINDOW)
        share = cv2.blur(cv2.multiply(plane, alpha, dtype=cv2.CV_32F), _WINDOW)
        least = WEIGHT_FLOOR * mean
        person.append((share + least) * per_person)
        room.append((mean - share + least) * per_room)
    return np.asarray(cv2.merge(person + room), np.float32)
