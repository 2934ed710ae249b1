import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from livebg.compositing import kernel_numpy
from livebg.compositing.compositor import compositing_kernel
from livebg.live import jit_warmup as compilation
from livebg.live.jit_warmup import JitWarmup
from tests.support.fakes import GENEROUS_S

USE_ALL_BUT_ONCE = """
import gc
from numba.core.dispatcher import Dispatcher
from livebg.pipeline import Pipeline
from livebg.live.jit_warmup import use_all_code
from livebg.segmenters.base import plain_matte
from livebg.compositing.backgrounds import BlurPlate
from livebg.compositing.compositor import Compositor
from livebg.frame import PixelFormat
from livebg.compositing.edge_colour import edge_colours
from livebg.sources.synthetic import SyntheticScene
from livebg.matting.flow import FlowCarrier
import numpy as np

def kinds():
    return {
        (str(code.py_func), str(signature))
        for code in gc.get_objects() if isinstance(code, Dispatcher)
        for signature in code.signatures
    }

use_all_code()
before = kinds()
scene = SyntheticScene((320, 180), frame_count=1)
frame = scene.read()
matte = plain_matte(np.ascontiguousarray(scene.truth(0), np.float32) / 255, frame)
carrier = FlowCarrier(frame.size)
carrier.set_anchor(frame, matte)
carrier.carry(frame)
alpha = matte.alpha_over(frame, (40, 22))
for layout in ("i420", "nv12", "yuy2"):
    for matrix in ("bt601", "bt709"):
        for backdrop in (BlurPlate(50), "transparent"):
            Compositor(backdrop).compose(
                frame, matte, alpha, colours=edge_colours(frame, alpha), want_alpha=True,
                pixel_format=PixelFormat(layout, matrix),
            )
assert before, "nothing is compiled"
assert kinds() == before, kinds() - before
"""


@pytest.mark.integration
def test_after_a_rehearsal_nothing_is_left_to_compile() -> None:
    pytest.importorskip("numba")
    done = subprocess.run(
        [sys.executable, "-c", USE_ALL_BUT_ONCE], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_numpy_composes_until_the_code_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = threading.Event()
    kept: list[bool] = []
    used: list[str] = []

    def compile_it(stop: threading.Event) -> None:
        assert compiled.wait(GENEROUS_S)
        kept.append(True)

    monkeypatch.setattr(compilation, "_compile", compile_it)
    monkeypatch.setattr(compilation, "all_kept", lambda: bool(kept))
    monkeypatch.setattr(
        compilation, "use_all_code", lambda: used.append(threading.current_thread().name)
    )
    with JitWarmup() as beside:
        assert compositing_kernel() is kernel_numpy
        beside.settle()
        assert compositing_kernel() is kernel_numpy
        compiled.set()
        deadline_s = time.monotonic() + GENEROUS_S
        while not kept:
            assert time.monotonic() < deadline_s
        beside.settle()
        assert used == ["livebg-compilation"]
        assert compositing_kernel() is not kernel_numpy


def test_compiling_can_be_broken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def start_sleeping(command: list[str], **options: Any) -> subprocess.Popen[bytes]:
        assert command[1:] == ["-P", "-m", "livebg.live.jit_warmup"]
        started.append(popen([sys.executable, "-c", "import time; time.sleep(1000)"], **options))
        return started[0]

    monkeypatch.setattr(compilation, "all_kept", lambda: False)
    monkeypatch.setattr(subprocess, "Popen", start_sleeping)
    beside = JitWarmup()
    deadline_s = time.monotonic() + GENEROUS_S
    while not started:
        assert time.monotonic() < deadline_s
    beside.close()
    beside.close()
    assert started[0].returncode not in (0, None)
    assert compositing_kernel() is not kernel_numpy


def test_where_no_process_can_be_started_code_is_compiled_when_it_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*command: object, **options: object) -> None:
        raise OSError("no more processes")

    monkeypatch.setattr(compilation, "all_kept", lambda: False)
    monkeypatch.setattr(subprocess, "Popen", refuse)
    with JitWarmup():
        deadline_s = time.monotonic() + GENEROUS_S
        while compositing_kernel() is kernel_numpy:
            assert time.monotonic() < deadline_s


@pytest.mark.integration
def test_run_as_a_program_it_keeps_all_code(tmp_path_factory: pytest.TempPathFactory) -> None:
    pytest.importorskip("numba")
    subprocess.run([sys.executable, "-m", "livebg.live.jit_warmup"], check=True)
    from livebg.pixels.jit import all_kept

    assert all_kept()
