"""A plain matte in linear form: the guided filter's coefficients."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from livebg.types import FloatImage, Frame, Matte

__all__ = ["EPSILON", "RADIUS_SHARE", "fit_linear", "with_coefficients"]

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


def with_coefficients(matte: Matte, frame: Frame) -> Matte:
    """Return ``matte`` in linear form; a matte that has coefficients already is returned as it is.

    Args:
        matte: a matte of ``frame``.
        frame: the frame that guides the fit.
    """
    if matte.gain.any():
        return matte
    grey = frame.grey(matte.size, matte.box)
    radius_px = max(1, round(matte.size[0] * RADIUS_SHARE))
    gain, offset = fit_linear(grey, matte.offset, radius_px=radius_px, epsilon=EPSILON)
    return replace(matte, gain=gain, offset=offset)
