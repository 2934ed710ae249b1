"""Temporal smoothing for networks without memory: calm where the picture rests, quick elsewhere.

A network that sees every frame for the first time answers noise with flicker. Its matte is
averaged with the one before, which optical flow has moved to the new frame, by an exponential
filter whose time constant is in seconds, so that the look does not depend on the frame rate:

    alpha = old + a * (new - old),    a = 1 - exp(-dt / tau)

``tau`` is chosen pixel by pixel. It is ``smoothing_s`` where the picture rests, and shrinks to
nothing where it moves fast, where the moved picture does not look like the new one (something was
uncovered: an average would be a ghost), and by half where the network is sure of itself.

A recurrent network does this itself: averaging RVM's coefficients as well takes 2 % off its flicker
(dtSSD, every frame of six clips) and adds 2 % to its error.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from livebg.frame import FloatImage, Matte, Size
from livebg.matting.flow import Carried

__all__ = ["DIFFERENT_LEVELS", "FAST", "NEAR_PX", "SURE", "smoothed"]

FAST = 0.25
"""Speed, in picture widths a second, at which the time constant is halved: a calm turn of the
head stays below a tenth, a wave of the hand goes beyond one."""

DIFFERENT_LEVELS = 10.0
"""Difference in grey at which the time constant has fallen to 1/e: well above a webcam's noise
once that is averaged over a few pixels."""

NEAR_PX = 7
"""A pixel counts as different where any around it does: what was uncovered may look like the
person here and there, and would keep specks of a ghost."""

SURE = 0.5
"""How much of the time constant is taken off where the network is sure."""


def smoothed(matte: Matte, carried: Carried, elapsed_s: float, smoothing_s: float) -> Matte:
    """Return a plain ``matte``, averaged with the one before it.

    Args:
        matte: the new matte, plain (``gain`` 0): its ``coarse`` is averaged.
        carried: the matte of the frame that was inferred last, as this function returned it, moved
            to the new frame.
        elapsed_s: seconds between the two frames.
        smoothing_s: the time constant, in seconds, of a picture at rest.

    Returns:
        A matte with new planes; ``matte`` itself where the two cover different parts of the frame.
    """
    before = carried.matte
    if (before.box, before.size) != (matte.box, matte.size):
        return matte
    tau_s = smoothing_s * _calm(carried, elapsed_s, matte.size) * _doubt(matte.coarse)
    share = 1 - np.exp(-elapsed_s / np.maximum(tau_s, 1e-6))
    alpha = before.coarse + share * (matte.coarse - before.coarse)
    alpha = np.ascontiguousarray(alpha, np.float32)
    return replace(matte, offset=alpha, coarse=alpha)


def _calm(carried: Carried, elapsed_s: float, size: Size) -> FloatImage:
    """Return 1 where the picture rests and 0 where it must not be averaged, at the matte's size."""
    width = carried.difference.shape[1]
    around = cv2.dilate(cv2.blur(carried.difference, (3, 3)), np.ones((NEAR_PX, NEAR_PX)))
    different = around.astype(np.float32) / DIFFERENT_LEVELS
    across, down = cv2.split(carried.displacement)
    per_second = 1 / (width * max(elapsed_s, 1e-3))
    fast = cv2.magnitude(across, down) * np.float32(per_second / FAST)
    calm = np.exp(-different * different) / (1 + fast * fast)
    return np.asarray(cv2.resize(calm, size), np.float32)


def _doubt(alpha: FloatImage) -> FloatImage:
    """Return 1 where the network wavers between person and room, less where it is sure."""
    sure = 2 * alpha - 1
    return np.asarray(1 - np.float32(SURE) * sure * sure, np.float32)
