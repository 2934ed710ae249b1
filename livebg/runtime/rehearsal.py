"""A pipeline that has been through a picture already when its first frame comes."""

from __future__ import annotations

from contextlib import suppress

import numpy as np

from livebg.config.schema import Settings
from livebg.errors import NetworkLateError
from livebg.runtime.build import build_pipeline
from livebg.runtime.chain import patient
from livebg.runtime.pipeline import Pipeline
from livebg.runtime.memory import forget_code
from livebg.types import Frame, Size

__all__ = ["build_live", "build_rehearsed"]

_COMPILER = "libllvmlite"


def build_rehearsed(settings: Settings, size: Size, *, live: bool = False) -> Pipeline:
    """Build a pipeline and let every stage load and compile what it needs on a black picture.

    The first frame otherwise takes some tenths of a second, and a live session would drop the
    next ten. A network that is not done with the picture after many seconds is left to it: the
    session has to say so, and has to end when the user wants.

    Args:
        settings: what is wanted.
        size: ``(width, height)`` of the frames, in pixels.
        live: as for ``build_pipeline``.

    Raises:
        LivebgError: as ``build_pipeline``, or the network fails.
    """
    pipeline = build_pipeline(patient(settings), size, live=live)
    try:
        with suppress(NetworkLateError):
            pipeline.process(Frame(np.zeros((size[1], size[0], 3), np.uint8), 0, 0))
        pipeline.reconfigure(settings)
        pipeline.reset()
        pipeline.clear_statistics()
    except BaseException:
        pipeline.close()
        raise
    return pipeline


def build_live(settings: Settings, size: Size) -> Pipeline:
    """Build what a live session on a camera runs; see ``build_rehearsed``.

    A session stays for hours, so the compiler is sent away once the kernels are there.
    """
    pipeline = build_rehearsed(settings, size, live=True)
    forget_code(_COMPILER)
    return pipeline
