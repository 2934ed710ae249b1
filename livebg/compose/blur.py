"""The blurred room, without the person in it."""

from __future__ import annotations

import cv2
import numpy as np

from livebg.compose.plates import Plate
from livebg.types import FloatImage, Frame, Image

__all__ = ["LEAST_WEIGHT", "BlurPlate", "blur_halvings"]

_WEAKEST_SHARE = 0.006
_STRONGEST_SHARE = 0.06
_LEAST_SIGMA_PX = 1.5
_LEAST_SIDE_PX = 60
LEAST_WEIGHT = 1e-3
"""What even a pixel that is all person weighs as room."""


class BlurPlate(Plate):
    """The frame blurred at reduced size, each pixel weighted by how little person it holds.

    Without that weight the person's colours bleed into the room as a glow. The Gaussian's sigma
    grows with ``strength`` from 0.6 % to 6 % of the frame's shorter side: 4 to 43 pixels at 720p.

    Args:
        strength: 0 (light, but still unreadable) to 100.
    """

    def __init__(self, strength: float) -> None:
        self.share = _WEAKEST_SHARE + (_STRONGEST_SHARE - _WEAKEST_SHARE) * strength / 100

    def render(self, frame: Frame, alpha: FloatImage) -> Image:
        """Return the blurred room, ``(h, W, 3)`` uint8; see ``Plate.render``."""
        sigma_px = self.share * min(frame.size)
        halvings = blur_halvings(sigma_px, min(frame.size))
        small = frame.halved(halvings)
        sigma = sigma_px / 2**halvings
        room = _room_weight(alpha, (small.shape[1], small.shape[0]))
        per_room = 1 / _gaussian(room, sigma)
        blurred = []
        for plane in cv2.split(small):
            weighted = np.asarray(cv2.multiply(plane, room, dtype=cv2.CV_32F), np.float32)
            weighted = _gaussian(weighted, sigma)
            blurred.append(cv2.multiply(weighted, per_room, dtype=cv2.CV_8U))
        rows = (frame.size[0], small.shape[0])
        plate = cv2.resize(cv2.merge(blurred), rows, interpolation=cv2.INTER_LINEAR)
        return np.asarray(plate, np.uint8)


def blur_halvings(sigma_px: float, side_px: int) -> int:
    """Return how often the frame is halved: the blur hides that, and costs a quarter each time."""
    halvings = 0
    while (
        sigma_px / 2 ** (halvings + 1) >= _LEAST_SIGMA_PX
        and side_px / 2 ** (halvings + 1) >= _LEAST_SIDE_PX
    ):
        halvings += 1
    return halvings


def _gaussian(plane: FloatImage, sigma: float) -> FloatImage:
    blurred = cv2.GaussianBlur(plane, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, np.float32)


def _room_weight(alpha: FloatImage, size: tuple[int, int]) -> FloatImage:
    """Return how much each pixel counts as room, at ``size``: never quite 0.

    The person is widened by a pixel, and 1 - alpha cubed: alpha comes at an eighth of the
    frame's size, so that a pixel of 0.5 may well be all person.
    """
    person = cv2.dilate(cv2.resize(alpha, size, interpolation=cv2.INTER_LINEAR), np.ones((3, 3)))
    room = 1 - person
    return np.asarray(np.maximum(room * room * room, LEAST_WEIGHT), np.float32)
