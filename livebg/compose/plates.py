"""Background plates: what is shown where there is no person."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import cv2
import numpy as np

from livebg.types import FloatImage, Frame, Image, Size

__all__ = ["GreyPlate", "MovingPlate", "Plate", "StillPlate", "cover"]


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
