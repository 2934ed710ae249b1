"""Background plates: the picture behind the person, for each frame."""

from __future__ import annotations

from abc import ABC, abstractmethod

import cv2
import numpy as np

from livebg.frame import FloatImage, FramePyramid, Image, Size

__all__ = [
    "BlurPlate",
    "GreyPlate",
    "Plate",
    "StillPlate",
    "TransparentPlate",
    "UnfilteredPlate",
    "cover",
]

_WEAKEST_SHARE, _STRONGEST_SHARE = 0.006, 0.06
"""Sigma of a blur as a share of the frame's shorter side."""

_LEAST_SIGMA_PX = 1.5
_LEAST_SIDE_PX = 60
"""How far a frame is reduced before it is blurred, at most."""

_LEAST_WEIGHT = 1e-3
"""Weight of a pixel that is all person in the blurred scene."""


class Plate(ABC):
    """Renders the background of each frame. Called by one thread at a time."""

    @abstractmethod
    def render(self, pyramid: FramePyramid, alpha: FloatImage) -> Image:
        """Return the background for a frame.

        Args:
            pyramid: the frame that it will lie behind.
            alpha: ``(H // 8, W // 8)`` float32 in 0..1: the frame's matte.

        Returns:
            ``(h, W, 3)`` uint8 BGR, as wide as the frame. It has all of the frame's rows, or fewer,
            between which the kernel interpolates. Read-only, and never written to again: the same
            array is the same picture.
        """

    def close(self) -> None:  # noqa: B027 - most plates hold nothing
        """Release what the plate holds. Idempotent."""


class StillPlate(Plate):
    """A colour or a picture; costs nothing per frame.

    Args:
        picture: ``(h, w, 3)`` uint8 BGR of any size; it is cropped to cover each frame.
    """

    def __init__(self, picture: Image) -> None:
        self._picture = picture
        self._fitted = picture

    @classmethod
    def of_colour(cls, blue: int, green: int, red: int) -> StillPlate:
        """Return a plate of one colour, each channel 0..255."""
        return cls(np.full((1, 1, 3), (blue, green, red), np.uint8))

    def render(self, pyramid: FramePyramid, alpha: FloatImage) -> Image:
        """Return the picture at the frame's size; see ``Plate.render``."""
        if self._fitted.shape != pyramid.frame.image.shape:
            self._fitted = cover(self._picture, pyramid.size)
        return self._fitted


class TransparentPlate(Plate):
    """No background: the compositor makes a BGRA cut-out."""

    def render(self, pyramid: FramePyramid, alpha: FloatImage) -> Image:
        """Return black, for what cannot show transparency; see ``Plate.render``."""
        return np.zeros_like(pyramid.frame.image)


class UnfilteredPlate(Plate):
    """The scene as it is: the compositor hands the frame on."""

    def render(self, pyramid: FramePyramid, alpha: FloatImage) -> Image:
        """Return the frame itself; see ``Plate.render``."""
        return pyramid.frame.image


class GreyPlate(Plate):
    """The scene without colour: the only plate beside ``none`` that shows it readably."""

    def render(self, pyramid: FramePyramid, alpha: FloatImage) -> Image:
        """Return the frame in grey; see ``Plate.render``."""
        grey = cv2.cvtColor(pyramid.frame.image, cv2.COLOR_BGR2GRAY)
        return np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8)


def cover(picture: Image, size: Size) -> Image:
    """Scale ``picture``, ``(h, w, 3)`` uint8, until it covers ``size``; crop what stands over."""
    height, width = picture.shape[:2]
    scale = max(size[0] / width, size[1] / height)
    part_width = min(width, max(1, round(size[0] / scale)))
    part_height = min(height, max(1, round(size[1] / scale)))
    left, top = (width - part_width) // 2, (height - part_height) // 2
    part = picture[top : top + part_height, left : left + part_width]
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(part, size, interpolation=method), np.uint8)


class BlurPlate(Plate):
    """The frame blurred at reduced size, without the person.

    Each pixel is weighted by its share of scene, or the person's colours would bleed into the
    scene as a glow. The Gaussian's sigma grows with ``strength`` from 0.6 % to 6 % of the frame's
    shorter side: 4 to 43 pixels at 720p.

    Args:
        strength: 0 (light, but still unreadable) to 100.
    """

    def __init__(self, strength: float) -> None:
        self._share = _WEAKEST_SHARE + (_STRONGEST_SHARE - _WEAKEST_SHARE) * strength / 100

    def render(self, pyramid: FramePyramid, alpha: FloatImage) -> Image:
        """Return the blurred scene, ``(h, W, 3)`` uint8; see ``Plate.render``."""
        sigma_px = self._share * min(pyramid.size)
        halvings = _halvings(sigma_px, min(pyramid.size))
        small = pyramid.halved(halvings)
        sigma = sigma_px / 2**halvings
        weight = _scene_weight(alpha, (small.shape[1], small.shape[0]))
        per_weight = 1 / _gaussian(weight, sigma)
        blurred = []
        for plane in cv2.split(small):
            weighted = np.asarray(cv2.multiply(plane, weight, dtype=cv2.CV_32F), np.float32)
            weighted = _gaussian(weighted, sigma)
            blurred.append(cv2.multiply(weighted, per_weight, dtype=cv2.CV_8U))
        rows = (pyramid.size[0], small.shape[0])
        plate = cv2.resize(cv2.merge(blurred), rows, interpolation=cv2.INTER_LINEAR)
        return np.asarray(plate, np.uint8)


def _halvings(sigma_px: float, side_px: int) -> int:
    """Return how often the frame is halved: the blur hides that, and costs a quarter each time."""
    times = 0
    while min(sigma_px / _LEAST_SIGMA_PX, side_px / _LEAST_SIDE_PX) >= 2 ** (times + 1):
        times += 1
    return times


def _gaussian(plane: FloatImage, sigma: float) -> FloatImage:
    blurred = cv2.GaussianBlur(plane, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, np.float32)


def _scene_weight(alpha: FloatImage, size: Size) -> FloatImage:
    """Return the share of scene in each pixel, at ``size``: never quite 0.

    The person is widened by a pixel, and 1 - alpha cubed: alpha comes at an eighth of the
    frame's size, so that a pixel of 0.5 may well be all person.
    """
    person = cv2.dilate(cv2.resize(alpha, size, interpolation=cv2.INTER_LINEAR), np.ones((3, 3)))
    scene = 1 - person
    return np.asarray(np.maximum(scene * scene * scene, _LEAST_WEIGHT), np.float32)
