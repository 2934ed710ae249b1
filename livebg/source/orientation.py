"""Turning frames upright as a file's display matrix asks."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import cv2
import numpy as np
from cv2.typing import MatLike

from livebg.types import Image, Size

__all__ = ["Orientation"]

_MATRIX_BYTES = 36


@dataclass(frozen=True, slots=True)
class Orientation:
    """How stored pixels become an upright picture: transposed first, then flipped.

    Attributes:
        transposed: rows become columns.
        flipped_x: left and right are then exchanged.
        flipped_y: top and bottom are then exchanged.
    """

    transposed: bool = False
    flipped_x: bool = False
    flipped_y: bool = False

    @classmethod
    def from_matrix(cls, matrix: bytes) -> Orientation:
        """Read the 3x3 display matrix of an MP4 track header (ISO/IEC 14496-12, 8.3.2).

        Angles that are no multiple of 90 degrees are rounded to the nearest one.

        Args:
            matrix: nine 32-bit integers in the machine's byte order, row by row, as FFmpeg hands
                them on; anything else counts as upright.
        """
        if len(matrix) < _MATRIX_BYTES:
            return cls()
        a, b, _, c, d, *_ = struct.unpack_from("=9i", matrix)
        if abs(b) > abs(a):
            return cls(transposed=True, flipped_x=c < 0, flipped_y=b < 0)
        return cls(flipped_x=a < 0, flipped_y=d < 0)

    def size(self, stored: Size) -> Size:
        """Return the upright ``(width, height)`` of a picture stored as ``(width, height)``."""
        return (stored[1], stored[0]) if self.transposed else stored

    def apply(self, image: Image) -> Image:
        """Return the upright picture, C-contiguous; ``image`` itself where nothing is to be done.

        Args:
            image: ``(H, W)`` or ``(H, W, C)`` uint8; not altered.
        """
        upright: MatLike = cv2.transpose(image) if self.transposed else image
        match self.flipped_x, self.flipped_y:
            case True, True:
                upright = cv2.flip(upright, -1)
            case True, False:
                upright = cv2.flip(upright, 1)
            case False, True:
                upright = cv2.flip(upright, 0)
        return np.asarray(upright, dtype=np.uint8)
