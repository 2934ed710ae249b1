"""Warm-up: a pipeline that has loaded and compiled all it needs before its first frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from livebg.compositing.backgrounds import StillPlate, TransparentPlate
from livebg.compositing.compositor import Compositor
from livebg.config.settings import Settings
from livebg.frame import BGR, Box, Frame, FramePyramid, Matte, PixelFormat, Size
from livebg.matting.flow import FlowCarrier
from livebg.pipeline import Pipeline
from livebg.pixels import has_numba
from livebg.platform.process import forget_code
from livebg.threads import Worker

__all__ = ["Build", "build_live", "build_warmed_up", "load_kernels", "with_first_timeout"]

Build = Callable[[Settings, Size], Pipeline]
"""Makes a pipeline for settings and a size ``(width, height)`` of frames; takes its time."""

_FIRST_INFERENCE_S = 10.0

_SIZE = (48, 32)
_COMPILER = "libllvmlite"
"""Its code makes room for the network's once the kernels are there: 50 MiB."""


def build_warmed_up(
    settings: Settings,
    size: Size,
    *,
    live: bool = False,
    make: Callable[..., Pipeline] = Pipeline,
) -> Pipeline:
    """Build a pipeline and let every stage load and compile what it needs on a black picture.

    The first frame otherwise takes some tenths of a second, and a live session would drop the
    next ten. A network that is still late with the picture after many seconds is not waited for:
    the session has to say so, and has to end when the user asks.

    Raises:
        LivebgError: as ``Pipeline``, or the network fails.
    """
    kernels = Worker("kernels", lambda stop: load_kernels()).start()
    try:
        pipeline = make(with_first_timeout(settings), size, live=live)
    finally:
        # Always: a program that ends while it compiles would crash.
        kernels.wait()
    try:
        kernels.outcome()
        pipeline.process(Frame(np.zeros((size[1], size[0], 3), np.uint8), 0, 0))
        pipeline.reconfigure(settings)
        pipeline.reset()
        pipeline.clear_statistics()
    except BaseException:
        pipeline.close()
        raise
    return pipeline


def build_live(settings: Settings, size: Size) -> Pipeline:
    """Build what a live session on a camera runs; see ``build_warmed_up``."""
    return build_warmed_up(settings, size, live=True)


def with_first_timeout(settings: Settings) -> Settings:
    """Return ``settings`` with the inference time-out of a new pipeline.

    The first inference takes longer than all later ones.
    """
    return replace(settings, max_matte_age_s=_FIRST_INFERENCE_S)


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
    forget_code(_COMPILER)
