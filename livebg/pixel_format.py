"""How the pixels of a picture lie in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["BGR", "ColourMatrix", "PixelFormat", "PixelLayout"]

PixelLayout = Literal["bgr", "rgb", "i420", "nv12", "yuy2"]

ColourMatrix = Literal["bt601", "bt709"]
"""How luma and chroma were made of red, green and blue. The range is limited: luma 16..235, chroma
16..240. Video calls take a camera's pictures for BT.601, players a tagged recording for BT.709."""


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """A layout, and for those of luma and chroma the matrix. All are uint8 and C-contiguous.

    ======  ===============  ======================================================================
    layout  array            content
    ======  ===============  ======================================================================
    bgr     (H, W, 3 or 4)   blue, green, red; with a fourth channel straight alpha
    rgb     (H, W, 3)        red, green, blue
    i420    (H * 3/2, W)     luma, then U, then V, both halved each way; H and W are even
    nv12    (H * 3/2, W)     luma, then U V U V ..., halved each way; H and W are even
    yuy2    (H, W, 2)        Y U Y V for every two pixels of a row; W is even
    ======  ===============  ======================================================================

    A halved chroma sample lies in the middle of the pixels that it is the mean of.

    Attributes:
        layout: which of these.
        matrix: None for ``bgr`` and ``rgb``.

    Example:
        >>> PixelFormat("i420", "bt601").shape((1280, 720))
        (1080, 1280)
    """

    layout: PixelLayout
    matrix: ColourMatrix | None = None

    def __post_init__(self) -> None:
        if (self.matrix is None) != (self.layout in ("bgr", "rgb")):
            raise ValueError(f"{self.layout} with the colour matrix {self.matrix} is no format")

    def held_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the largest part of ``size``, ``(width, height)``, that this format can hold."""
        width, height = size
        match self.layout:
            case "i420" | "nv12":
                return width - width % 2, height - height % 2
            case "yuy2":
                return width - width % 2, height
            case _:
                return size

    def holds(self, size: tuple[int, int]) -> bool:
        """Say whether pictures of ``size``, ``(width, height)``, can have this format."""
        return self.held_size(size) == size

    def shape(self, size: tuple[int, int]) -> tuple[int, ...]:
        """Return the shape of an opaque picture of ``size``, ``(width, height)``."""
        width, height = size
        match self.layout:
            case "i420" | "nv12":
                return height * 3 // 2, width
            case "yuy2":
                return height, width, 2
            case _:
                return height, width, 3

    def size(self, image: NDArray[np.uint8]) -> tuple[int, int]:
        """Return the ``(width, height)`` of the picture that ``image`` holds in this format."""
        height, width = image.shape[:2]
        return width, height * 2 // 3 if self.layout in ("i420", "nv12") else height

    def fits(self, image: NDArray[np.uint8]) -> bool:
        """Say whether ``image`` has the dtype and a shape of this format."""
        if image.dtype != np.uint8 or image.ndim not in (2, 3):
            return False
        size = self.size(image)
        if self.layout == "bgr" and image.shape == (size[1], size[0], 4):
            return True
        return self.holds(size) and image.shape == self.shape(size)


BGR = PixelFormat("bgr")
"""What frames are, and composites until a sink wants otherwise."""
