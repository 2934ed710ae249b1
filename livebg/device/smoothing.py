"""Temporal smoothing on the device: what ``livebg.temporal.smoothing`` does."""

from __future__ import annotations

import torch
from torch import Tensor

from livebg.device.coefficients import Planes
from livebg.device.flow import Moved
from livebg.device.neighbourhood import box_mean, lightest
from livebg.device.resampling import resized
from livebg.temporal.smoothing import DIFFERENT_LEVELS, FAST, NEAR_PX, SURE
from livebg.types import Size

__all__ = ["smoothed"]


def smoothed(planes: Planes, moved: Moved, elapsed_s: float, smoothing_s: float) -> Planes:
    """Return a plain matte averaged with the one before it.

    Args:
        planes: the new matte; its ``coarse`` is averaged.
        moved: the matte before, moved to the new picture; of the same size.
        elapsed_s: seconds between the two pictures.
        smoothing_s: the time constant, in seconds, of a picture at rest.
    """
    sure = 2 * planes.coarse - 1
    doubt = 1 - SURE * sure * sure
    tau_s = _calm(moved, elapsed_s, planes.size) * doubt * smoothing_s
    share = 1 - torch.exp(-elapsed_s / tau_s.clamp_(min=1e-6))
    alpha = torch.lerp(moved.planes.coarse, planes.coarse, share)
    return Planes(planes.gain, alpha, alpha, planes.labels)


def _calm(moved: Moved, elapsed_s: float, size: Size) -> Tensor:
    """Return 1 where the picture rests and 0 where it must not be averaged, at the matte's size."""
    different = lightest(box_mean(moved.difference, 3), (NEAR_PX, NEAR_PX)) / DIFFERENT_LEVELS
    per_second = 1 / (moved.difference.shape[3] * max(elapsed_s, 1e-3) * FAST)
    fast = moved.displacement.square().sum(1, keepdim=True) * (per_second * per_second)
    return resized(torch.exp(-different * different) / (1 + fast), size)
