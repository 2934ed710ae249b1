"""What each pixel gets from those around it: means, weighted means, the largest and the smallest.

Planes are ``(N, C, h, w)`` in any floating type. The borders are OpenCV's defaults.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["box_mean", "darkest", "gaussian", "lightest"]

_REACH_IN_SIGMAS = 4
"""Half the width of a Gaussian's window, as OpenCV chooses it for floating point."""


def box_mean(planes: Tensor, side_px: int) -> Tensor:
    """Return the mean over a square window of odd side; the border is mirrored at its pixels."""
    radius = side_px // 2
    padded = F.pad(planes, (radius, radius, radius, radius), mode="reflect")
    return F.avg_pool2d(padded, side_px, stride=1)


def gaussian(planes: Tensor, sigma_px: float) -> Tensor:
    """Return the planes blurred by a Gaussian; the border is continued."""
    weights = _weights(sigma_px, planes)
    radius, channels = len(weights) // 2, planes.shape[1]
    each = weights.expand(channels, 1, 1, -1)
    across = F.pad(planes, (radius, radius, 0, 0), mode="replicate")
    across = F.conv2d(across, each, groups=channels)
    down = F.pad(across, (0, 0, radius, radius), mode="replicate")
    return F.conv2d(down, each.transpose(2, 3), groups=channels)


def lightest(planes: Tensor, reach: tuple[int, int] = (3, 3)) -> Tensor:
    """Return the largest value in a window of odd ``(height, width)``."""
    return F.max_pool2d(planes, reach, stride=1, padding=(reach[0] // 2, reach[1] // 2))


def darkest(planes: Tensor, reach: tuple[int, int] = (3, 3)) -> Tensor:
    """Return the smallest value in a window of odd ``(height, width)``."""
    return lightest(planes.neg(), reach).neg_()


def _weights(sigma_px: float, like: Tensor) -> Tensor:
    """Return a Gaussian's window, made on the device: a list would have to be copied there."""
    radius = (round(2 * _REACH_IN_SIGMAS * sigma_px + 1) | 1) // 2
    offsets = torch.arange(-radius, radius + 1, dtype=torch.float32, device=like.device)
    raw = (offsets.square() * (-0.5 / (sigma_px * sigma_px))).exp()
    return (raw / raw.sum()).to(like.dtype)
