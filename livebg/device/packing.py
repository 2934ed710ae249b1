"""From a composite on the device to the bytes that a sink takes."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from livebg.device.picture import PLANES
from livebg.pixel_format import PixelFormat
from livebg.pixels.matrices import TO_YUV

__all__ = ["packed"]

_WHOLE = 256
"""What the numbers of ``TO_YUV`` are parts of."""

_BLACK_LUMA, _GREY_CHROMA = 16, 128


def packed(image: Tensor, pixel_format: PixelFormat) -> Tensor:
    """Return ``image`` in a format that can hold its size, as ``livebg.pixels`` does.

    Args:
        image: ``(1, 3, H, W)`` BGR, or with BGR ``(1, 4, H, W)`` BGRA, to be made bytes by cutting
            off.
        pixel_format: the format.

    Returns:
        uint8, of the format's shape.
    """
    levels = image.to(torch.uint8)
    if pixel_format.matrix is None:
        channels = levels if pixel_format.layout == "bgr" else levels.flip(1)
        return channels.permute(0, 2, 3, 1)[0]
    rows_halved = 1 if pixel_format.layout == "yuy2" else 2
    weights = [[float(part) / _WHOLE for part in row] for row in TO_YUV[pixel_format.matrix]]
    pixels = levels.to(PLANES)
    luma = _mixed(pixels, weights[0], _BLACK_LUMA)
    means = F.avg_pool2d(pixels, (rows_halved, 2))
    u, v = (_mixed(means, row, _GREY_CHROMA) for row in weights[1:])
    match pixel_format.layout:
        case "yuy2":
            alternating = torch.stack((u, v), 2).reshape(luma.shape)
            return torch.stack((luma, alternating), 2)
        case "nv12":
            return torch.cat((luma, torch.stack((u, v), 2).reshape(-1, luma.shape[1])))
        case _:
            return torch.cat((luma, torch.stack((u, v)).reshape(-1, luma.shape[1])))


def _mixed(pixels: Tensor, weights: list[float], offset: int) -> Tensor:
    """Return the weighted sum of three channels, ``(h, w)`` uint8, rounded."""
    blue, green, red = pixels[0]
    mixed: Tensor = blue * weights[0] + green * weights[1] + red * weights[2]
    return (mixed + (offset + 0.5)).to(torch.uint8)
