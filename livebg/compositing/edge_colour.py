"""Colours of person and scene beside the edge.

A half-transparent pixel of a camera frame has some of the scene in it, which makes a halo in front
of another background. The compositing kernel removes it with the colours estimated here.
"""

from __future__ import annotations

import cv2
import numpy as np

from livebg.frame import FloatImage, FramePyramid

__all__ = ["EDGE_HALVINGS", "edge_colours"]

EDGE_HALVINGS = 3
"""The estimate is made at an eighth of the frame's size: colours near an edge vary slowly."""

_WINDOW = (9, 9)
"""Window that colours are averaged over, in pixels of that size."""

_WEIGHT_FLOOR = np.float32(1e-3)
"""Least weight, which keeps the colours defined where there is no person, or no scene."""


def edge_colours(pyramid: FramePyramid, alpha: FloatImage) -> FloatImage:
    """Return the colours of person and scene around each pixel (Forte & Pitie 2021, section 3).

    Each is the mean of the frame over a window, weighted by the share of person, or scene:
    ``F = sum(alpha I) / sum(alpha)``, ``B = sum((1 - alpha) I) / sum(1 - alpha)``. The channels
    are worked on one by one: numpy and OpenCV are three times as fast on planes.

    Args:
        pyramid: the frame.
        alpha: ``(H // 8, W // 8)`` float32 in 0..1.

    Returns:
        ``(H // 8, W // 8, 6)`` float32 in 0..255: B, G, R of the person, then of the scene.
    """
    weight = np.asarray(cv2.blur(alpha, _WINDOW), np.float32)
    per_person = 1 / (weight + _WEIGHT_FLOOR)
    per_scene = 1 / (1 - weight + _WEIGHT_FLOOR)
    person, scene = [], []
    for plane in cv2.split(pyramid.halved(EDGE_HALVINGS)):
        mean = cv2.boxFilter(plane, cv2.CV_32F, _WINDOW)
        share = cv2.blur(cv2.multiply(plane, alpha, dtype=cv2.CV_32F), _WINDOW)
        least = _WEIGHT_FLOOR * mean
        person.append((share + least) * per_person)
        scene.append((mean - share + least) * per_scene)
    return np.asarray(cv2.merge(person + scene), np.float32)
