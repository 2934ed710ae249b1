"""A frame on the device, and the smaller sizes of it that the stages share."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from livebg.device.resampling import halved, resized
from livebg.types import Size

__all__ = ["PLANES", "DevicePicture"]

PLANES = torch.float32
"""Type of small planes and of alpha on every device. Variances and gains need more than the eleven
bits of f16, and these planes are a fraction of the traffic; colours have the chain's own type."""

_BLUE, _GREEN, _RED = 0.114, 0.587, 0.299
"""Weights of luma (ITU-R BT.601), as OpenCV's conversion to grey has them."""


@dataclass(frozen=True, slots=True)
class DevicePicture:
    """One frame on a device.

    Attributes:
        pixels: ``(1, 3, H, W)`` BGR in 0..255, channels last, in the chain's type.
        index: index of the frame.
        captured_ns: its capture time.
    """

    pixels: Tensor
    index: int
    captured_ns: int

    _smaller: dict[Size, Tensor] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @classmethod
    def of_bytes(
        cls, image: Tensor, dtype: torch.dtype, *, index: int, captured_ns: int
    ) -> DevicePicture:
        """Return a picture of what was uploaded.

        Args:
            image: ``(H, W, 3)`` uint8 BGR.
            dtype: the chain's type.
            index: index of the frame.
            captured_ns: its capture time.
        """
        return cls(image.permute(2, 0, 1).unsqueeze(0).to(dtype), index, captured_ns)

    @property
    def size(self) -> Size:
        """``(width, height)`` in pixels."""
        return self.pixels.shape[3], self.pixels.shape[2]

    def mirrored(self) -> DevicePicture:
        """Return the picture with left and right swapped."""
        return DevicePicture(self.pixels.flip(3), self.index, self.captured_ns)

    def halved(self, times: int) -> Tensor:
        """Return the pixels halved ``times`` times, as ``livebg.types.Frame.halved`` does.

        Returns:
            ``(1, 3, H // 2**times, W // 2**times)``, no side below 1.
        """
        pixels = self.pixels
        for _ in range(times):
            size = (max(1, pixels.shape[3] // 2), max(1, pixels.shape[2] // 2))
            if size not in self._smaller:
                self._smaller[size] = halved(pixels)
            pixels = self._smaller[size]
        return pixels

    def scaled(self, size: Size) -> Tensor:
        """Return the pixels at another size without aliasing, as ``Frame.scaled`` does.

        Returns:
            ``(1, 3, h, w)`` for a ``size`` of ``(w, h)``.
        """
        halvings = 0
        while min(self.size[0] / size[0], self.size[1] / size[1]) >= 2 ** (halvings + 1):
            halvings += 1
        pixels = self.halved(halvings)
        if (pixels.shape[3], pixels.shape[2]) == size:
            return pixels
        if size not in self._smaller:
            self._smaller[size] = resized(pixels, size)
        return self._smaller[size]

    def grey(self, size: Size | None = None) -> Tensor:
        """Return the unweighted mean of the channels, ``(1, 1, h, w)`` ``PLANES`` in 0..1."""
        pixels = self.pixels if size is None else self.scaled(size)
        return pixels.mean(1, keepdim=True, dtype=PLANES).mul_(1 / 255)

    def luma(self, size: Size) -> Tensor:
        """Return the brightness as OpenCV weighs it, ``(1, 1, h, w)`` ``PLANES`` in 0..255."""
        blue, green, red = self.scaled(size).to(PLANES).chunk(3, 1)
        return _BLUE * blue + _GREEN * green + _RED * red
