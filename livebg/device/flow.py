"""Optical flow on the device, and carrying a matte along it.

What ``livebg.temporal.flow`` does with OpenCV's DIS flow. Here the displacement is that of Lucas
and Kanade (1981), solved at every pixel at once from coarse to fine: the same few tensor
operations on every level, with no search that a device would have to wait for.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from livebg.device.coefficients import Planes
from livebg.device.neighbourhood import box_mean, gaussian, lightest
from livebg.device.picture import DevicePicture
from livebg.device.resampling import fetched, halved, resized
from livebg.temporal.flow import (
    ANYWHERE_WEIGHT,
    CROWD_PX,
    CROWD_WEIGHT,
    FOLLOW_PX,
    FOLLOW_REACH_PX,
    LEAST_OUTLINE,
    LEAST_WEIGHT,
    OUTLINE_PX,
    SOFT,
    WRONG_LEVELS,
)
from livebg.types import Size

__all__ = ["Anchor", "Moved", "anchored", "carried", "displacement_of", "following", "small_grey"]

_COARSEST_SIDE_PX = 9
_ITERATIONS = 3
_WINDOW_PX = 7
_LARGEST_STEP_PX = 2.0
_FLATNESS = 4.0
"""Added to the squared gradients, in squared levels: where a window is flat nothing moves."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """What is carried: a matte, and what its frame looked like at the flow's size.

    Attributes:
        planes: the matte.
        grey: ``(1, 1, h, w)`` float32 in 0..255, from ``small_grey``.
        alpha: ``(1, 1, h, w)`` float32 in 0..1.
        outline: ``(1, 1, h, w)`` float32, 1 near the person's outline.
        captured_ns: capture time of its frame.
    """

    planes: Planes
    grey: Tensor
    alpha: Tensor
    outline: Tensor
    captured_ns: int


@dataclass(frozen=True, slots=True)
class Moved:
    """A matte moved to another picture; see ``livebg.temporal.flow.Carried``.

    Attributes:
        planes: the matte.
        residual: how wrong the move looks, 0..1, a single number on the device.
        difference: ``(1, 1, h, w)`` float32 in levels.
        displacement: ``(1, 2, h, w)`` float32, x and y in pixels.
    """

    planes: Planes
    residual: Tensor
    difference: Tensor
    displacement: Tensor


def small_grey(picture: DevicePicture, size: Size) -> Tensor:
    """Return the picture small, grey and without shimmer, ``(1, 1, h, w)`` float32 in 0..255."""
    padded = F.pad(picture.luma(size), (1, 1, 1, 1), mode="reflect")
    # The window 1 2 1 in both directions: OpenCV's Gaussian of three pixels.
    return F.avg_pool2d(F.avg_pool2d(padded, 2, stride=1), 2, stride=1)


def anchored(planes: Planes, picture: DevicePicture, grey: Tensor) -> Anchor:
    """Return ``planes``, which belong to ``picture``, ready to be carried.

    Args:
        planes: the matte.
        picture: its picture.
        grey: the picture's ``small_grey``.
    """
    alpha = planes.small_alpha(picture, (grey.shape[3], grey.shape[2]))
    soft = (alpha > SOFT) & (alpha < 1 - SOFT)
    outline = lightest(soft.to(grey.dtype), (OUTLINE_PX, OUTLINE_PX))
    return Anchor(planes, grey, alpha, outline, picture.captured_ns)


def carried(anchor: Anchor, grey: Tensor) -> Moved:
    """Return the anchor's matte moved to the picture whose ``small_grey`` is ``grey``."""
    displacement = displacement_of(grey, anchor.grey)
    seen = torch.cat((anchor.grey, anchor.outline, anchor.alpha), 1)
    before, outline, alpha = fetched(seen, displacement).chunk(3, 1)
    difference = (grey - before).abs_()
    residual = _residual(difference, outline)
    width, height = anchor.planes.size
    scale = (width / grey.shape[3], height / grey.shape[2])
    across, down = resized(following(displacement, alpha), (width, height)).chunk(2, 1)
    nearby = torch.cat((across * scale[0], down * scale[1]), 1)
    source = torch.cat((anchor.planes.gain, anchor.planes.offset, anchor.planes.coarse), 1)
    gain, offset, coarse = fetched(source, nearby).chunk(3, 1)
    planes = Planes(gain, offset, coarse, anchor.planes.labels)
    return Moved(planes, residual, difference, displacement)


def following(displacement: Tensor, alpha: Tensor) -> Tensor:
    """Return ``displacement`` with the outline moving as the person inside it does.

    The same as ``livebg.temporal.flow.following``.

    Args:
        displacement: ``(1, 2, h, w)`` float32.
        alpha: ``(1, 1, h, w)`` float32 in 0..1: the carried alpha before this correction.
    """
    weight = alpha * alpha
    means = box_mean(torch.cat((displacement * weight, weight), 1), FOLLOW_PX)
    persons = (means[:, :2] + LEAST_WEIGHT * displacement) / (means[:, 2:] + LEAST_WEIGHT)
    soft = (weight > SOFT) & (weight < 1 - SOFT)
    band = lightest(soft.to(weight.dtype), (FOLLOW_REACH_PX, FOLLOW_REACH_PX))
    return torch.lerp(displacement, persons, box_mean(band, 3).expand_as(displacement))


def _residual(difference: Tensor, outline: Tensor) -> Tensor:
    wrong = (difference > WRONG_LEVELS).to(difference.dtype)
    near = (outline >= 0.5).to(difference.dtype)
    along = (wrong * near).sum() / near.sum().clamp(min=LEAST_OUTLINE)
    anywhere = wrong.mean() * ANYWHERE_WEIGHT
    crowd = box_mean(wrong, CROWD_PX).amax() * CROWD_WEIGHT
    return torch.stack((along, anywhere, crowd)).amax().clamp_(max=1)


def displacement_of(grey: Tensor, before: Tensor) -> Tensor:
    """Return where each pixel of ``grey`` was in ``before``, relative to where it is.

    Args:
        grey: ``(1, 1, h, w)`` float32 in 0..255.
        before: likewise.

    Returns:
        ``(1, 2, h, w)`` float32, x and y in pixels.
    """
    levels = [(grey, before)]
    while min(levels[-1][0].shape[2:]) >= 2 * _COARSEST_SIDE_PX:
        levels.append((halved(levels[-1][0]), halved(levels[-1][1])))
    flow = torch.zeros_like(levels[-1][0]).expand(-1, 2, -1, -1)
    for now, then in reversed(levels):
        size = (now.shape[3], now.shape[2])
        # Sides may be odd, but a doubled displacement errs by less than an iteration mends.
        flow = flow if flow.shape[2:] == now.shape[2:] else resized(flow, size) * 2
        for _ in range(_ITERATIONS):
            flow = flow + _step(now, fetched(then, flow))
        flow = gaussian(flow, 0.8)
    return flow


def _step(now: Tensor, moved: Tensor) -> Tensor:
    """Return the displacement that is left, by the normal equations of every pixel's window."""
    padded = F.pad(moved, (1, 1, 1, 1), mode="replicate")
    across = (padded[:, :, 1:-1, 2:] - padded[:, :, 1:-1, :-2]) / 2
    down = (padded[:, :, 2:, 1:-1] - padded[:, :, :-2, 1:-1]) / 2
    off = now - moved
    products = (across * across, down * down, across * down, across * off, down * off)
    xx, yy, xy, x, y = box_mean(torch.cat(products, 1), _WINDOW_PX).chunk(5, 1)
    xx, yy = xx + _FLATNESS, yy + _FLATNESS
    area = xx * yy - xy * xy
    step = torch.cat(((yy * x - xy * y) / area, (xx * y - xy * x) / area), 1)
    return step.clamp_(-_LARGEST_STEP_PX, _LARGEST_STEP_PX)
