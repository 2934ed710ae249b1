"""Background plates: what is shown where there is no person.

The blurred room, without the person in it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import cv2
import numpy as np

from livebg.frame import FloatImage, Frame, Image, Size

__all__ = [
    "LEAST_WEIGHT",
    "BlurPlate",
    "GreyPlate",
    "MovingPlate",
    "Plate",
    "StillPlate",
    "TransparentPlate",
    "UnfilteredPlate",
    "blur_halvings",
    "cover",
]


class Plate(ABC):
    """Gives a background for each frame. Called by one thread at a time."""

    @abstractmethod
    def render(self, frame: Frame, alpha: FloatImage) -> Image:
        """Return the background for ``frame``.

        Args:
            frame: the frame that it will lie behind.
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
        self.picture = picture
        """The picture, as it was given."""
        self._fitted = picture

    @classmethod
    def of_colour(cls, blue: int, green: int, red: int) -> StillPlate:
        """Return a plate of one colour, each channel 0..255."""
        return cls(np.full((1, 1, 3), (blue, green, red), np.uint8))

    def render(self, frame: Frame, alpha: FloatImage) -> Image:
        """Return the picture at the frame's size; see ``Plate.render``."""
        if self._fitted.shape != frame.image.shape:
            self._fitted = cover(self.picture, frame.size)
        return self._fitted


class MovingPlate(Plate):
    """A video; shows the picture that belongs to each frame's time.

    Args:
        picture_at: returns the ``(h, w, 3)`` uint8 BGR picture at a time in nanoseconds since the
            plate began; called with times that never go back.
        close: releases the video.
    """

    def __init__(self, picture_at: Callable[[int], Image], close: Callable[[], None]) -> None:
        self._picture_at = picture_at
        self._close = close
        self._began_ns: int | None = None
        self._source: Image | None = None
        self._fitted: Image | None = None

    def render(self, frame: Frame, alpha: FloatImage) -> Image:
        """Return the video's picture for the frame's time; see ``Plate.render``."""
        picture = self.picture_for(frame.captured_ns)
        stale = self._fitted is None or self._fitted.shape != frame.image.shape
        if self._fitted is None or stale or picture is not self._source:
            self._source, self._fitted = picture, cover(picture, frame.size)
        return self._fitted

    def picture_for(self, captured_ns: int) -> Image:
        """Return the video's picture for a frame captured then, ``(h, w, 3)`` uint8 BGR."""
        if self._began_ns is None:
            self._began_ns = captured_ns
        return self._picture_at(max(0, captured_ns - self._began_ns))

    def close(self) -> None:
        """Release the video. Idempotent."""
        self._close()


class TransparentPlate(Plate):
    """No background: the compositor makes a BGRA cut-out."""

    def render(self, frame: Frame, alpha: FloatImage) -> Image:
        """Return black, for what cannot show transparency; see ``Plate.render``."""
        return np.zeros_like(frame.image)


class UnfilteredPlate(Plate):
    """The room as it is: the compositor hands the frame on."""

    def render(self, frame: Frame, alpha: FloatImage) -> Image:
        """Return the frame itself; see ``Plate.render``."""
        return frame.image


class GreyPlate(Plate):
    """The room itself without colour: that is what was asked for, so it shows the room."""

    def render(self, frame: Frame, alpha: FloatImage) -> Image:
        """Return the frame in grey; see ``Plate.render``."""
        grey = cv2.cvtColor(frame.image, cv2.COLOR_BGR2GRAY)
        return np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8)


def cover(picture: Image, size: Size) -> Image:
    """Scale ``picture`` until it covers ``size`` and crop what stands over, centred.

    Args:
        picture: ``(h, w, 3)`` uint8; not modified.
        size: ``(width, height)``.

    Returns:
        ``(H, W, 3)`` uint8.
    """
    height, width = picture.shape[:2]
    scale = max(size[0] / width, size[1] / height)
    part_width = min(width, max(1, round(size[0] / scale)))
    part_height = min(height, max(1, round(size[1] / scale)))
    left, top = (width - part_width) // 2, (height - part_height) // 2
    part = picture[top : top + part_height, left : left + part_width]
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(part, size, interpolation=method), np.uint8)


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
