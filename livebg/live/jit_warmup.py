"""Compiling what composes pictures beside a live session, which begins without it."""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
import threading

import numpy as np

from livebg.closable import Closable
from livebg.compositing.backgrounds import StillPlate
from livebg.compositing.compositor import Compositor
from livebg.frame import BGR, Box, Frame, Matte, PixelFormat
from livebg.matting.flow import FlowCarrier
from livebg.pixels.jit import all_kept, jit_cache_folder, jit_fallback, keep_all
from livebg.pixels.reduction import prepare_quarter
from livebg.threads import Worker

__all__ = ["JitWarmup", "use_all_code"]

_log = logging.getLogger(__name__)

_SIZE = (48, 32)
_FORMATS = (
    BGR,
    PixelFormat("rgb"),
    *(PixelFormat(layout, "bt601") for layout in ("i420", "nv12", "yuy2")),
)
_POLL_S = 0.05
_LOADING_S = 2.0
_NICENESS = 10
"""The live session comes first: it has what it needs meanwhile."""
_JOIN_S = 1.0


class JitWarmup(Closable):
    """Has numba compile the kernels; until that is done, numpy composes, twenty times slower.

    A machine's first start would otherwise show nothing but a card for ten seconds and more. The
    compiler works in a process of its own, which can be stopped at any moment, and takes no turns
    with the threads of this one. What it keeps on disk, or what was kept earlier, is then loaded
    by the thread ``livebg-compilation``. Where nothing can be kept, each kernel is compiled when
    it is used.
    """

    def __init__(self) -> None:
        self._begun = threading.Event()
        self._worker = Worker("compilation", self._work)
        self._worker.start()
        self._begun.wait()

    def settle(self) -> None:
        """Wait for code that needs only to be loaded, for a moment or two."""
        if all_kept():
            self._worker.join(_LOADING_S)

    def close(self) -> None:
        """Stop compiling. Idempotent."""
        self.give_up(_JOIN_S)

    def give_up(self, within_s: float) -> None:
        """Stop compiling, and wait for so long at most until loading is over, which goes on."""
        self._worker.stop()
        self._worker.join(within_s)

    def _work(self, stop: threading.Event) -> None:
        with jit_fallback():
            self._begun.set()
            if not all_kept():
                _log.info("compiling the compositing kernel for this machine: once, some seconds")
                _compile(stop)
            if all_kept() and not stop.is_set():
                # Whoever uses code that cannot be loaded after all is told why.
                with contextlib.suppress(Exception):
                    use_all_code()


def use_all_code() -> None:
    """Reduce a picture, carry a matte, compose and convert, in every way that there is."""
    random = np.random.default_rng(0)
    frame = Frame(random.integers(0, 256, (_SIZE[1], _SIZE[0], 3), np.uint8), 0, 0)
    prepare_quarter(frame)
    alpha = np.linspace(0, 1, _SIZE[0] // 8, dtype=np.float32)[None].repeat(_SIZE[1] // 8, axis=0)
    matte = Matte(np.zeros_like(alpha), alpha, alpha, Box.whole(_SIZE), 0, 0)
    colours = np.zeros((*alpha.shape, 6), np.float32)
    for pixel_format in _FORMATS:
        compositor = Compositor(StillPlate.of_colour(0, 0, 0))
        for _ in range(2):  # A plate that stays is converted when it comes for the second time.
            compositor.compose(
                frame, matte, alpha, colours=colours, want_alpha=True, pixel_format=pixel_format
            )
    carrier = FlowCarrier(_SIZE)
    carrier.set_anchor(frame, matte)
    carrier.carry(frame)
    Compositor("transparent").compose(frame, matte, alpha, colours=colours)


def _compile(stop: threading.Event) -> None:
    """Run this file until it is done or ``stop`` is set."""
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", __name__],
            env=os.environ | {"NUMBA_CACHE_DIR": str(jit_cache_folder())},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except OSError:
        _log.debug("the kernels cannot be compiled beside", exc_info=True)
        return
    while process.poll() is None:
        if stop.wait(_POLL_S):
            process.kill()
            process.wait()


if __name__ == "__main__":
    if sys.platform != "win32":
        os.nice(_NICENESS)
    use_all_code()
    keep_all()
