"""The matte of a network that gives alpha itself instead of coefficients."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from livebg.types import Box, FloatImage, Frame, Matte

__all__ = ["plain_matte"]


def plain_matte(alpha: FloatImage, frame: Frame, labels: NDArray[np.uint8] | None = None) -> Matte:
    """Return ``alpha`` as the matte of a whole frame, with gain 0.

    Args:
        alpha: ``(h, w)`` float32 in 0..1, C-contiguous; kept, not copied.
        frame: the frame that it was computed from.
        labels: ``(h, w)`` uint8 class indices; kept, not copied.
    """
    return Matte(
        gain=np.zeros_like(alpha),
        offset=alpha,
        coarse=alpha,
        box=Box.whole(frame.size),
        frame_index=frame.index,
        captured_ns=frame.captured_ns,
        labels=labels,
    )
