"""Refinement: from the matte of a network to the matte that is shown.

Three steps, each a function: temporal smoothing, for networks without memory; the guided filter's
coefficients, for networks that return plain alpha; and an alpha floor, for all.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from livebg.clock import NS_PER_S
from livebg.frame import FloatImage, FramePyramid, Matte, Size
from livebg.matting.flow import Carried, FlowCarrier
from livebg.matting.validation import MatteValidator, check_matte, empty_matte

__all__ = ["Refinement", "fit_linear", "smoothed", "with_alpha_floor", "with_coefficients"]

_HALF_SPEED = 0.25
"""Speed, in picture widths a second, at which the smoothing's time constant is halved: a calm turn
of the head stays below a tenth, a wave of the hand goes beyond one."""

_DIFFERENT_LEVELS = 10.0
"""Difference in grey at which the time constant has fallen to 1/e: well above a webcam's noise
once that is averaged over a few pixels."""

_DIFFERENT_PX = 7
"""Side of the window whose largest difference counts: what was uncovered may look like the person
at some pixels, and would keep specks of a ghost."""

_CERTAIN_SHARE = 0.5
"""Share of the time constant that is subtracted where the network is certain."""

_RADIUS_SHARE = 1 / 64
"""Radius of the guided filter's windows as a share of the matte's width."""

_EPSILON = 1e-4
"""Variance of grey below which an area counts as flat."""

_FLOOR = 0.06
"""Alpha floor away from people. Networks leave up to a few per cent of the background standing in
flat areas, as smudges."""

_FAR_FLOOR = 0.4
"""Alpha floor far from people: what a network half takes for a person, with no certain person
around, is a thing in the background."""

_CERTAIN = 0.7
"""Alpha from which the network is certain of a person."""

_FAR_SHARE = 0.12
"""Share of the matte's width from which on that is far."""

_FAR_STEP = 4
"""Pixels of the matte between two at which it is computed what is far."""

_NEAR_PX = 5
"""Side of the window in which a person is near."""

_NOBODY, _PERSON = 0.2, 0.5
"""Alpha up to which there is nobody, and from which there is a person."""


def smoothed(matte: Matte, carried: Carried, elapsed_s: float, smoothing_s: float) -> Matte:
    """Return a plain ``matte``, averaged with the one before it.

    A network that sees every frame for the first time turns noise into flicker. This is an
    exponential filter, ``alpha = old + a * (new - old)`` with ``a = 1 - exp(-dt / tau)``, so the
    look does not depend on the frame rate. ``tau`` is ``smoothing_s`` where the picture rests; it
    falls to 0 where the picture moves fast or does not look as the flow predicts (an average would
    be a ghost of what was uncovered), and by half where the network is certain.

    A recurrent network does this itself: averaging RVM's coefficients as well takes 2 % off its
    flicker (dtSSD, every frame of six clips) and adds 2 % to its error.

    Args:
        matte: the new matte, plain (``gain`` 0): its ``coarse`` is averaged.
        carried: the matte of the frame that was inferred last, as this function returned it, moved
            to the new frame.
        elapsed_s: seconds between the two frames.
        smoothing_s: the time constant, in seconds, where the picture rests.

    Returns:
        A matte with new planes; ``matte`` itself where the two cover different parts of the frame.
    """
    before = carried.matte
    if (before.box, before.size) != (matte.box, matte.size):
        return matte
    certainty = 2 * matte.coarse - 1
    uncertain = np.asarray(1 - np.float32(_CERTAIN_SHARE) * certainty * certainty, np.float32)
    tau_s = smoothing_s * _calm(carried, elapsed_s, matte.size) * uncertain
    share = 1 - np.exp(-elapsed_s / np.maximum(tau_s, 1e-6))
    alpha = before.coarse + share * (matte.coarse - before.coarse)
    alpha = np.ascontiguousarray(alpha, np.float32)
    return replace(matte, offset=alpha, coarse=alpha)


def _calm(carried: Carried, elapsed_s: float, size: Size) -> FloatImage:
    """Return 1 where the picture rests and 0 where it must not be averaged, at the matte's size."""
    window = np.ones((_DIFFERENT_PX, _DIFFERENT_PX))
    around = cv2.dilate(cv2.blur(carried.difference, (3, 3)), window)
    different = around.astype(np.float32) / _DIFFERENT_LEVELS
    across, down = cv2.split(carried.displacement)
    per_second = 1 / (carried.difference.shape[1] * max(elapsed_s, 1e-3))
    fast = cv2.magnitude(across, down) * np.float32(per_second / _HALF_SPEED)
    calm = np.exp(-different * different) / (1 + fast * fast)
    return np.asarray(cv2.resize(calm, size), np.float32)


def with_coefficients(matte: Matte, pyramid: FramePyramid) -> Matte:
    """Return ``matte`` in linear form, guided by its frame; as it is where it has coefficients."""
    if matte.gain.any():
        return matte
    grey = pyramid.grey(matte.size, matte.box)
    radius_px = max(1, round(matte.size[0] * _RADIUS_SHARE))
    gain, offset = fit_linear(grey, matte.offset, radius_px=radius_px, epsilon=_EPSILON)
    return replace(matte, gain=gain, offset=offset)


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


def with_alpha_floor(matte: Matte) -> Matte:
    """Return ``matte`` with alpha mapped from ``floor..1`` to ``0..1`` where no person is near.

    The map is linear, so it goes into the coefficients and costs nothing per pixel of the frame:
    ``alpha' = (gain * grey + offset - floor) / (1 - floor)``. Along people it leaves everything as
    it is: there it would thin hair and make the outline flicker more (dtSSD by 2 % on clips with
    exact mattes, for less than 1 % of their mean error).
    """
    most = _dilated(matte.coarse, _NEAR_PX)
    near = np.asarray(cv2.blur(_ramp(most, _NOBODY, _PERSON), (3, 3)), np.float32)
    # One in _FAR_STEP pixels of a row sees the largest alpha of all.
    far_px = 2 * round(_FAR_SHARE * most.shape[1] / _FAR_STEP) + 1
    around = _dilated(most[::_FAR_STEP, ::_FAR_STEP], far_px)
    far = np.asarray(cv2.resize(1 - _ramp(around, _FAR_FLOOR, _CERTAIN), most.shape[::-1]))
    floor = np.float32(_FLOOR) * (1 - near) + np.float32(_FAR_FLOOR - _FLOOR) * far
    stretch = np.asarray(1 / (1 - floor), np.float32)
    return replace(
        matte,
        gain=matte.gain * stretch,
        offset=(matte.offset - floor) * stretch,
        coarse=np.clip((matte.coarse - floor) * stretch, 0, 1),
    )


def _dilated(alpha: FloatImage, side_px: int) -> FloatImage:
    """Return the largest alpha in a square around each pixel."""
    return np.asarray(cv2.dilate(alpha, np.ones((side_px, side_px), np.uint8)), np.float32)


def _ramp(alpha: FloatImage, low: float, high: float) -> FloatImage:
    """Return 0 up to ``low``, 1 from ``high`` on, and a slope between."""
    ramp = (alpha - np.float32(low)) / np.float32(high - low)
    return np.asarray(np.clip(ramp, 0, 1), np.float32)


class Refinement:
    """Validates and refines every inferred matte, in order. Called by one thread at a time.

    Args:
        carrier: carries the matte that was refined last.
        recurrent: whether the network has a memory of its own; its mattes are not smoothed.
        smoothing_s: the smoothing's time constant, in seconds; 0 for none. See ``smoothed``.
    """

    def __init__(self, carrier: FlowCarrier, *, recurrent: bool, smoothing_s: float) -> None:
        self.smoothing_s = smoothing_s
        """May be changed between two mattes."""
        self._carrier = carrier
        self._recurrent = recurrent
        self._validator = MatteValidator()

    @property
    def rejected(self) -> int:
        """Number of mattes that were not accepted; see ``livebg.matting.validation``."""
        return self._validator.rejected

    def refine(self, matte: Matte, pyramid: FramePyramid) -> Matte:
        """Return a network's ``matte`` as it may be shown: if it is rejected, with alpha 0.

        Raises:
            ModelError: it is no matte of that frame.
        """
        check_matte(matte, pyramid.frame)
        # Before smoothing, which would let the mattes of a network that fails rise slowly.
        if not self._validator.accepts(matte, pyramid):
            return empty_matte(matte)
        matte = self._smoothed(matte, pyramid)
        # The coarse alpha has no floor: the next matte is averaged with it.
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
