"""How a picture moved since an earlier one, and moving a matte's planes along."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from livebg.pixels.stand_in import numpy_stands_in
from livebg.types import FloatImage, Size

__all__ = ["Mover", "OpencvMover", "Placement", "fetch", "grid_of", "mover_for"]

_log = logging.getLogger(__name__)

_FINEST_SCALE = 0
"""A small picture searched down to its own pixels is as good as one of four times as many pixels
searched down to half, and takes two thirds of the time. The preset's quarter is too blunt at hair
and fingers: a matte carried for up to three frames errs by a third more with it."""


@dataclass(frozen=True, slots=True)
class Placement:
    """How a matte lies on the picture whose motion is known.

    Attributes:
        across, down: pixels of that picture per pixel of the matte.
        left, top: where the centre of the matte's first pixel lies in it, counted from the centre
            of its own first pixel.
    """

    across: float
    down: float
    left: float
    top: float


class Mover(ABC):
    """Compares small grey pictures with an earlier one. Called by one thread at a time."""

    @abstractmethod
    def set_anchor(self, grey: NDArray[np.uint8]) -> None:
        """Take ``grey``, ``(h, w)`` uint8, for the earlier picture from now on."""

    @abstractmethod
    def displacement(self, grey: NDArray[np.uint8]) -> FloatImage:
        """Return where each pixel of ``grey`` was in the anchor, relative to where it is.

        Args:
            grey: ``(h, w)`` uint8, of the anchor's size.

        Returns:
            ``(h, w, 2)`` float32, x and y in pixels, a new array.
        """

    @abstractmethod
    def moved(
        self, planes: FloatImage, displacement: FloatImage, placement: Placement
    ) -> tuple[FloatImage, FloatImage, FloatImage]:
        """Return ``planes`` as they lie in the new picture.

        Args:
            planes: ``(h, w, 3)`` float32 of a matte, C-contiguous.
            displacement: ``(h', w', 2)`` float32; see ``displacement``.
            placement: how the matte lies on that.

        Returns:
            The three planes, each ``(h, w)`` float32, C-contiguous, new arrays.
        """


def mover_for(size: Size) -> Mover:
    """Return what compares pictures of ``size``: compiled where there is such code by now."""
    if numpy_stands_in():
        return OpencvMover()
    try:
        from livebg.temporal.patch_mover import PatchMover
    except ImportError as error:
        _log.info("numba is not installed (%s): OpenCV's flow carries mattes, slower", error)
        return OpencvMover()
    return PatchMover(size)


class OpencvMover(Mover):
    """OpenCV's DIS flow (Kroeger et al. 2016) and remapping."""

    def __init__(self) -> None:
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOpticalFlow_PRESET_ULTRAFAST)
        self._flow.setFinestScale(_FINEST_SCALE)
        self._anchor: NDArray[np.uint8] = np.zeros((0, 0), np.uint8)

    def set_anchor(self, grey: NDArray[np.uint8]) -> None:
        """Take the earlier picture; see ``Mover.set_anchor``."""
        self._anchor = grey

    def displacement(self, grey: NDArray[np.uint8]) -> FloatImage:
        """Return where each pixel was; see ``Mover.displacement``."""
        still = np.zeros((*grey.shape, 2), np.float32)
        return np.asarray(self._flow.calc(grey, self._anchor, still), np.float32)

    def moved(
        self, planes: FloatImage, displacement: FloatImage, placement: Placement
    ) -> tuple[FloatImage, FloatImage, FloatImage]:
        """Return ``planes`` moved; see ``Mover.moved``."""
        height, width = planes.shape[:2]
        per_pixel = np.array((1 / placement.across, 1 / placement.down), np.float32)
        nearby = cv2.warpAffine(
            displacement * per_pixel,
            np.array(((placement.across, 0, placement.left), (0, placement.down, placement.top))),
            (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        first, second, third = cv2.split(fetch(planes, cv2.add(nearby, grid_of((width, height)))))
        return np.asarray(first), np.asarray(second), np.asarray(third)


@lru_cache(maxsize=4)
def grid_of(size: Size) -> FloatImage:
    """Return every pixel's own position: ``(h, w, 2)`` float32 x and y; do not modify it."""
    xs, ys = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    return np.dstack([xs, ys]).astype(np.float32)


def fetch(plane: NDArray[Any], came_from: NDArray[Any]) -> NDArray[Any]:
    """Return ``plane`` read at the positions ``came_from``, ``(h, w, 2)`` float32 x and y."""
    both_in_one = cast("NDArray[Any]", None)  # OpenCV's stub forgets that one map may hold x and y
    return cv2.remap(
        plane, came_from, both_in_one, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
