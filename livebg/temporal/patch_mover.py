"""Comparing pictures and moving planes in compiled code."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from livebg.pixels.views import read_only
from livebg.temporal.displaced import move_planes
from livebg.temporal.mover import Mover, Placement
from livebg.temporal.patches import BORDER_PX, find_slopes, patch_count, search, spread
from livebg.types import FloatImage, Size

__all__ = ["PatchMover"]

_LEVELS = 3
"""A picture of 128 pixels is first compared at 32, where a patch is a quarter of its width."""


class PatchMover(Mover):
    """Patches searched for at growing sizes; see ``patches``.

    Args:
        size: ``(width, height)`` of the pictures, no side below 32.
    """

    def __init__(self, size: Size) -> None:
        self._sizes = [size]
        for _ in range(_LEVELS - 1):
            width, height = self._sizes[-1]
            self._sizes.append(((width + 1) // 2, (height + 1) // 2))
        self._anchor: list[FloatImage] = []
        self._sums = np.empty((3, size[1], size[0]), np.float32)
        self._nowhere = np.zeros((1, 1, 3), np.float32)
        self._compile(size)

    def set_anchor(self, grey: NDArray[np.uint8]) -> None:
        """Take the earlier picture; see ``Mover.set_anchor``."""
        around = (BORDER_PX, BORDER_PX, BORDER_PX, BORDER_PX)
        self._anchor = [
            read_only(cv2.copyMakeBorder(level, *around, cv2.BORDER_REPLICATE))
            for level in self._pyramid(grey)
        ]

    def displacement(self, grey: NDArray[np.uint8]) -> FloatImage:
        """Return where each pixel was; see ``Mover.displacement``."""
        motion = self._nowhere
        levels = self._pyramid(grey)
        for level, before in zip(reversed(levels), reversed(self._anchor), strict=True):
            height, width = level.shape
            coarser = motion
            motion = np.empty((patch_count(height), patch_count(width), 3), np.float32)
            slopes = np.empty((2, height, width), np.float32)
            find_slopes(level, slopes)
            search(level, slopes, before, coarser, motion)
        displacement = np.empty((*grey.shape, 2), np.float32)
        spread(levels[0], self._anchor[0], motion, self._sums, displacement)
        return displacement

    def moved(
        self, planes: FloatImage, displacement: FloatImage, placement: Placement
    ) -> tuple[FloatImage, FloatImage, FloatImage]:
        """Return ``planes`` moved; see ``Mover.moved``."""
        first, second, third = np.empty((3, *planes.shape[:2]), np.float32)
        along_x = (placement.left, placement.across)
        along_y = (placement.top, placement.down)
        move_planes(
            read_only(planes), read_only(displacement), along_x, along_y, first, second, third
        )
        return first, second, third

    def _compile(self, size: Size) -> None:
        """Run everything once, so that no frame has to wait until it is compiled."""
        blank = np.zeros(size[::-1], np.uint8)
        self.set_anchor(blank)
        placement = Placement(across=1.0, down=1.0, left=0.0, top=0.0)
        self.moved(np.zeros((1, 1, 3), np.float32), self.displacement(blank), placement)

    def _pyramid(self, grey: NDArray[np.uint8]) -> list[FloatImage]:
        """Return ``grey`` at every size, the largest first."""
        levels = [read_only(grey.astype(np.float32))]
        for size in self._sizes[1:]:
            smaller = cv2.resize(levels[-1], size, interpolation=cv2.INTER_AREA)
            levels.append(read_only(np.asarray(smaller, np.float32)))
        return levels
