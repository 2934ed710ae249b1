"""JIT warm-up: every kernel is loaded, or compiled on a machine's first start."""

from __future__ import annotations

import numpy as np

from livebg.compositing.backgrounds import StillPlate, TransparentPlate
from livebg.compositing.compositor import Compositor
from livebg.frame import BGR, Box, Frame, FramePyramid, Matte, PixelFormat
from livebg.matting.flow import FlowCarrier
from livebg.pixels import has_numba

__all__ = ["load_kernels"]

_SIZE = (48, 32)


def load_kernels() -> None:
    """Reduce a picture, carry a matte, and compose and convert it in every way that there is."""
    pyramid = FramePyramid(Frame(np.zeros((_SIZE[1], _SIZE[0], 3), np.uint8), 0, 0))
    if has_numba():
        from livebg.pixels.reduction import quarter

        quarter(pyramid.frame.image)
    alpha = np.linspace(0, 1, _SIZE[0] // 8, dtype=np.float32)[None].repeat(_SIZE[1] // 8, axis=0)
    matte = Matte(np.zeros_like(alpha), alpha, alpha, Box.whole(_SIZE), 0, 0)
    colours = np.zeros((*alpha.shape, 6), np.float32)
    compositor = Compositor(StillPlate.of_colour(0, 0, 0))
    for pixel_format in (BGR, PixelFormat("rgb"), PixelFormat("rgb")):
        # A plate that stays is converted when it comes for the second time.
        compositor.compose(
            pyramid, matte, alpha, colours=colours, want_alpha=True, pixel_format=pixel_format
        )
    Compositor(TransparentPlate()).compose(pyramid, matte, alpha, colours=colours)
    carrier = FlowCarrier(_SIZE)
    carrier.set_anchor(pyramid, matte)
    carrier.carry(pyramid)
