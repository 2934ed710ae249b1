"""Other sizes of planes: halves, reductions, enlargements, windows, and readings in between.

Planes are ``(N, C, h, w)`` in any floating type; pixel centres lie at half integers.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from livebg.types import Box, Size

__all__ = ["covering", "fetched", "halved", "resized", "window_of"]


def halved(planes: Tensor) -> Tensor:
    """Return ``planes`` at half their size, rounded down, no side below 1."""
    height, width = max(1, planes.shape[2] // 2), max(1, planes.shape[3] // 2)
    return F.interpolate(planes, (height, width), mode="bilinear", align_corners=False)


def resized(planes: Tensor, size: Size) -> Tensor:
    """Return ``planes`` at ``(width, height)``: by means where it shrinks by more than half."""
    width, height = size
    if planes.shape[3] == width and planes.shape[2] == height:
        return planes
    if planes.shape[3] <= 2 * width and planes.shape[2] <= 2 * height:
        return F.interpolate(planes, (height, width), mode="bilinear", align_corners=False)
    return F.interpolate(planes, (height, width), mode="area")


def covering(picture: Tensor, size: Size) -> Tensor:
    """Scale ``picture`` until it covers ``(width, height)`` and crop what stands over, centred.

    The same as ``livebg.compose.plates.cover``.
    """
    height, width = picture.shape[2:]
    scale = max(size[0] / width, size[1] / height)
    part_width = min(width, max(1, round(size[0] / scale)))
    part_height = min(height, max(1, round(size[1] / scale)))
    left, top = (width - part_width) // 2, (height - part_height) // 2
    part = picture[:, :, top : top + part_height, left : left + part_width]
    while part.shape[3] >= 2 * size[0] and part.shape[2] >= 2 * size[1]:
        part = halved(part)
    return resized(part, size)


def fetched(planes: Tensor, displacement: Tensor) -> Tensor:
    """Return ``planes`` read bilinearly beside each pixel, with their border continued.

    Args:
        planes: ``(1, C, h, w)``.
        displacement: ``(1, 2, h, w)``, x and y in pixels, in the type of ``planes``.
    """
    height, width = planes.shape[2:]
    across = _counted(width, planes) + displacement[:, 0]
    down = _counted(height, planes)[:, None] + displacement[:, 1]
    # The centres of the first and the last pixel are -1 and 1.
    grid = torch.stack((across * (2 / max(1, width - 1)), down * (2 / max(1, height - 1))), 3) - 1
    return F.grid_sample(planes, grid, mode="bilinear", padding_mode="border", align_corners=True)


def window_of(planes: Tensor, window: Box, *, smooth: bool = True) -> Tensor:
    """Return ``window`` of ``planes`` at the size of all of them.

    Args:
        planes: ``(1, C, H, W)`` float32: half precision cannot tell the columns of full HD apart.
        window: a box inside them, in pixels; fractions count.
        smooth: magnify by cubic interpolation, which may overshoot, instead of linear.
    """
    height, width = planes.shape[2:]
    across = (_counted(width, planes) + 0.5) * (2 * window.width / width / width)
    down = (_counted(height, planes) + 0.5) * (2 * window.height / height / height)
    across = across + (2 * window.left / width - 1)
    down = down + (2 * window.top / height - 1)
    grid = torch.stack(torch.meshgrid(across, down, indexing="xy"), 2).unsqueeze(0)
    return F.grid_sample(
        planes,
        grid,
        mode="bicubic" if smooth else "bilinear",
        padding_mode="border",
        align_corners=False,
    )


def _counted(count: int, like: Tensor) -> Tensor:
    """Return 0, 1, 2 ... made on the device."""
    return torch.arange(count, dtype=like.dtype, device=like.device)
