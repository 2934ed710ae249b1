"""A matte's linear coefficients: fitted to a plain alpha, rid of haze, applied to a picture."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from livebg.device.neighbourhood import box_mean, lightest
from livebg.device.picture import DevicePicture
from livebg.device.resampling import resized
from livebg.refine.guided import EPSILON, RADIUS_SHARE
from livebg.refine.haze import (
    BLEND_PX,
    COARSER,
    HAZE,
    NEAR_PX,
    NOBODY,
    SMUDGE,
    SOMEBODY,
    SURE,
    far_window,
)
from livebg.types import Size

__all__ = ["Planes", "fit_linear", "with_coefficients", "without_haze"]


@dataclass(frozen=True, slots=True)
class Planes:
    """A matte of a whole frame on the device; see ``livebg.types.Matte``.

    Attributes:
        gain: ``(1, 1, h, w)`` float32.
        offset: ``(1, 1, h, w)`` float32.
        coarse: ``(1, 1, h, w)`` float32 in 0..1.
        labels: ``(h, w)`` uint8 class indices, from networks that have classes.
    """

    gain: Tensor
    offset: Tensor
    coarse: Tensor
    labels: Tensor | None = None

    @property
    def size(self) -> Size:
        """``(width, height)`` of the planes."""
        return self.gain.shape[3], self.gain.shape[2]

    def mirrored(self) -> Planes:
        """Return the matte with left and right swapped."""
        gain, offset, coarse = (plane.flip(3) for plane in (self.gain, self.offset, self.coarse))
        return Planes(gain, offset, coarse, None if self.labels is None else self.labels.flip(1))

    def small_alpha(self, picture: DevicePicture, size: Size | None = None) -> Tensor:
        """Return the alpha over ``picture``, ``(1, 1, h, w)``, at its own or another small size."""
        grey = picture.grey(self.size)
        alpha = torch.addcmul(self.offset, self.gain, grey).clamp_(0, 1)
        return alpha if size is None else resized(alpha, size)


def fit_linear(
    grey: Tensor, alpha: Tensor, *, radius_px: int, epsilon: float
) -> tuple[Tensor, Tensor]:
    """Fit ``alpha = gain * grey + offset`` around every pixel; see ``refine.guided.fit_linear``.

    Args:
        grey: ``(1, 1, h, w)`` float32 in 0..1.
        alpha: likewise.
        radius_px: the windows are ``2 * radius_px + 1`` pixels wide.
        epsilon: variance of grey below which an area counts as flat.

    Returns:
        ``gain`` and ``offset``, each like ``grey``.
    """
    side_px = 2 * radius_px + 1
    means = box_mean(torch.cat((grey, alpha, grey * alpha, grey * grey), 1), side_px)
    mean_grey, mean_alpha, mean_product, mean_square = means.chunk(4, 1)
    gain = (mean_product - mean_grey * mean_alpha) / (mean_square - mean_grey * mean_grey + epsilon)
    offset = mean_alpha - gain * mean_grey
    smooth = box_mean(torch.cat((gain, offset), 1), side_px)
    return smooth[:, :1], smooth[:, 1:]


def with_coefficients(planes: Planes, picture: DevicePicture) -> Planes:
    """Return a plain matte fitted to the edges of ``picture``."""
    gain, offset = fit_linear(
        picture.grey(planes.size),
        planes.offset,
        radius_px=max(1, round(planes.size[0] * RADIUS_SHARE)),
        epsilon=EPSILON,
    )
    return Planes(gain, offset, planes.coarse, planes.labels)


def without_haze(planes: Planes) -> Planes:
    """Return ``planes`` with alpha mapped from ``haze..1`` to ``0..1`` where nobody is near.

    The same as ``livebg.refine.haze.without_haze``, but that ``coarse`` keeps its haze: it is what
    the next matte is averaged with.
    """
    most = lightest(planes.coarse, (NEAR_PX, NEAR_PX))
    near = box_mean(_share(most, NOBODY, SOMEBODY), BLEND_PX)
    around = lightest(most[..., ::COARSER, ::COARSER], far_window(planes.size[0]))
    emptiness = resized(1 - _share(around, SMUDGE, SURE), planes.size)
    haze = HAZE * (1 - near) + (SMUDGE - HAZE) * emptiness
    stretch = 1 / (1 - haze)
    return Planes(
        planes.gain * stretch, (planes.offset - haze) * stretch, planes.coarse, planes.labels
    )


def _share(alpha: Tensor, none: float, all_of_it: float) -> Tensor:
    """Return how far alpha is on its way from ``none`` to ``all_of_it``, 0..1."""
    return ((alpha - none) / (all_of_it - none)).clamp_(0, 1)
