"""A plain matte in linear form: the guided filter's coefficients.

Taking the haze out of a matte.

From what a network returns to the matte that is shown.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from livebg.clock import NS_PER_S
from livebg.frame import FloatImage, FramePyramid, Matte
from livebg.matting.flow import FlowCarrier
from livebg.matting.smoothing import smoothed
from livebg.matting.validation import MatteValidator, check_matte, empty_matte

__all__ = [
    "BLEND_PX",
    "COARSER",
    "EPSILON",
    "HAZE",
    "NEAR_PX",
    "NOBODY",
    "RADIUS_SHARE",
    "SMUDGE",
    "SOMEBODY",
    "SURE",
    "Refinement",
    "far_window",
    "fit_linear",
    "with_alpha_floor",
    "with_coefficients",
]


RADIUS_SHARE = 1 / 64
"""Radius of the filter's windows as a share of the matte's width."""

EPSILON = 1e-4
"""Variance of grey below which an area counts as flat."""


def fit_linear(
    grey: FloatImage, alpha: FloatImage, *, radius_px: int, epsilon: float
) -> tuple[FloatImage, FloatImage]:
    """Fit ``alpha = gain * grey + offset`` around every pixel (He et al. 2013, eq. 5, 6 and 8).

    Args:
        grey: ``(h, w)`` float32 in 0..1.
        alpha: ``(h, w)`` float32 in 0..1.
        radius_px: the windows are ``2 * radius_px + 1`` pixels wide.
        epsilon: variance of grey below which an area counts as flat.

    Returns:
        ``gain`` and ``offset``, each ``(h, w)`` float32, new arrays.
    """
    window = (2 * radius_px + 1, 2 * radius_px + 1)
    planes = cv2.merge([grey, alpha, grey * alpha, grey * grey])
    mean_grey, mean_alpha, mean_product, mean_square = cv2.split(cv2.blur(planes, window))
    gain = (mean_product - mean_grey * mean_alpha) / (
        mean_square - mean_grey * mean_grey + np.float32(epsilon)
    )
    offset = mean_alpha - gain * mean_grey
    smooth = cv2.blur(cv2.merge([gain, offset]), window)
    return np.ascontiguousarray(smooth[..., 0]), np.ascontiguousarray(smooth[..., 1])


def with_coefficients(matte: Matte, pyramid: FramePyramid) -> Matte:
    """Return ``matte`` in linear form; a matte that has coefficients already is returned as it is.

    Args:
        matte: the matte of a frame.
        pyramid: that frame, which guides the fit.
    """
    if matte.gain.any():
        return matte
    grey = pyramid.grey(matte.size, matte.box)
    radius_px = max(1, round(matte.size[0] * RADIUS_SHARE))
    gain, offset = fit_linear(grey, matte.offset, radius_px=radius_px, epsilon=EPSILON)
    return replace(matte, gain=gain, offset=offset)


HAZE = 0.06
"""Alpha that counts as nothing away from people. Networks leave up to a few per cent of the room
standing in flat areas, as smudges."""

SMUDGE = 0.4
"""Alpha that counts as nothing far from people: what a network half accepts to be there, with
nobody around whom it is sure of, is a thing in the room."""

SURE = 0.7
"""Alpha from which on the network is sure of somebody."""

_FAR_SHARE = 0.12
"""Share of the matte's width from which on that is far."""

COARSER = 4
"""How much coarser than the matte it is known what is far."""

NEAR_PX = 5
"""Side of the window in which somebody is near."""

NOBODY = 0.2
"""Alpha up to which nobody is there."""

SOMEBODY = 0.5
"""Alpha from which somebody is."""

BLEND_PX = 3
"""Side of the window that makes a slope between the two."""


def with_alpha_floor(matte: Matte) -> Matte:
    """Return ``matte`` with alpha mapped from ``haze..1`` to ``0..1`` where nobody is near.

    The map is linear, so it goes into the coefficients and costs nothing per pixel of the frame:
    ``alpha' = (gain * grey + offset - haze) / (1 - haze)``. Along people it leaves everything as it
    is: there it would thin hair and make the outline flicker more (dtSSD by 2 % on clips with exact
    mattes, for less than 1 % of their mean error).
    """
    most = _lightest(matte.coarse, (NEAR_PX, NEAR_PX))
    near = np.asarray(cv2.blur(_share(most, NOBODY, SOMEBODY), (BLEND_PX, BLEND_PX)), np.float32)
    haze = np.float32(HAZE) * (1 - near) + np.float32(SMUDGE - HAZE) * _emptiness(most)
    stretch = np.asarray(1 / (1 - haze), np.float32)
    return replace(
        matte,
        gain=matte.gain * stretch,
        offset=(matte.offset - haze) * stretch,
        coarse=np.clip((matte.coarse - haze) * stretch, 0, 1),
    )


def far_window(width: int) -> tuple[int, int]:
    """Return the window, on every ``COARSER``-th pixel, within which somebody is not far."""
    side = 2 * round(_FAR_SHARE * width / COARSER) + 1
    return side, side


def _emptiness(most: FloatImage) -> FloatImage:
    """Return 1 where nobody is anywhere around, 0 where somebody surely is, with a slope between.

    Args:
        most: the largest alpha around each pixel; one in ``COARSER`` of a row sees all of it.
    """
    around = _lightest(most[::COARSER, ::COARSER], far_window(most.shape[1]))
    empty = cv2.resize(1 - _share(around, SMUDGE, SURE), most.shape[::-1])
    return np.asarray(empty, np.float32)


def _lightest(alpha: FloatImage, window: tuple[int, int]) -> FloatImage:
    """Return the largest alpha in a window around each pixel."""
    return np.asarray(cv2.dilate(alpha, np.ones(window, np.uint8)), np.float32)


def _share(alpha: FloatImage, none: float, all_of_it: float) -> FloatImage:
    """Return how far alpha is on its way from ``none`` to ``all_of_it``, 0..1."""
    share = (alpha - np.float32(none)) / np.float32(all_of_it - none)
    return np.asarray(np.clip(share, 0, 1), np.float32)


class Refinement:
    """Checks mattes, smooths those of networks without memory, and fits plain ones to their edges.

    Called by one thread at a time, for every inferred matte in order.

    Args:
        carrier: carries the matte that was refined last.
        recurrent: whether the network has a memory of its own; its mattes are not smoothed.
        smoothing_s: time constant of a picture at rest, in seconds; 0 smooths nothing.
    """

    def __init__(self, carrier: FlowCarrier, *, recurrent: bool, smoothing_s: float) -> None:
        self.smoothing_s = smoothing_s
        """May be changed between two mattes."""
        self._carrier = carrier
        self._recurrent = recurrent
        self._validator = MatteValidator()

    @property
    def refused(self) -> int:
        """Mattes that were not accepted so far, see ``livebg.matting.validation``."""
        return self._validator.refused

    def refine(self, matte: Matte, pyramid: FramePyramid) -> Matte:
        """Return ``matte`` as it may be shown; without anybody where it is not accepted.

        Args:
            matte: what the network returned.
            pyramid: the frame that the network was given.

        Raises:
            ModelError: it is no matte of that frame.
        """
        check_matte(matte, pyramid.frame)
        # Before smoothing, which would let a network that breaks come in by and by.
        if not self._validator.accepts(matte, pyramid):
            return empty_matte(matte)
        matte = self._smoothed(matte, pyramid)
        # The coarse alpha keeps its haze: it is what the next matte is averaged with.
        return replace(with_alpha_floor(with_coefficients(matte, pyramid)), coarse=matte.coarse)

    def reset(self) -> None:
        """Forget all earlier mattes."""
        self._validator.reset()

    def _smoothed(self, matte: Matte, pyramid: FramePyramid) -> Matte:
        anchor = self._carrier.anchor
        if anchor is None or self._recurrent or self.smoothing_s <= 0:
            return matte
        elapsed_s = (pyramid.frame.captured_ns - anchor.captured_ns) / NS_PER_S
        if elapsed_s <= 0:
            return matte
        return smoothed(matte, self._carrier.carry(pyramid), elapsed_s, self.smoothing_s)
