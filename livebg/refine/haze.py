"""Taking the haze out of a matte."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from livebg.types import FloatImage, Matte

__all__ = ["BLEND_PX", "HAZE", "NEAR_PX", "NOBODY", "SOMEBODY", "without_haze"]

HAZE = 0.06
"""Alpha that counts as nothing away from people. Networks leave up to a few per cent of the room
standing in flat areas, as smudges."""

NEAR_PX = 5
"""Side of the window in which somebody is near."""

NOBODY = 0.2
"""Alpha up to which nobody is there."""

SOMEBODY = 0.5
"""Alpha from which somebody is."""

BLEND_PX = 3
"""Side of the window that makes a slope between the two."""


def without_haze(matte: Matte) -> Matte:
    """Return ``matte`` with alpha mapped from ``haze..1`` to ``0..1`` where nobody is near.

    The map is linear, so it goes into the coefficients and costs nothing per pixel of the frame:
    ``alpha' = (gain * grey + offset - haze) / (1 - haze)``. Along people it leaves everything as it
    is: there it would thin hair and make the outline flicker more (dtSSD by 2 % on clips with exact
    mattes, for less than 1 % of their mean error).
    """
    haze = np.float32(HAZE) * (1 - _nearness(matte.coarse))
    stretch = np.asarray(1 / (1 - haze), np.float32)
    return replace(
        matte,
        gain=matte.gain * stretch,
        offset=(matte.offset - haze) * stretch,
        coarse=np.clip((matte.coarse - haze) * stretch, 0, 1),
    )


def _nearness(alpha: FloatImage) -> FloatImage:
    """Return 0 where nobody is near, 1 where somebody is, with a short slope between the two."""
    most = cv2.dilate(alpha, np.ones((NEAR_PX, NEAR_PX), np.uint8))
    near = np.clip((most - NOBODY) / np.float32(SOMEBODY - NOBODY), 0, 1)
    return np.asarray(cv2.blur(near, (BLEND_PX, BLEND_PX)), np.float32)
