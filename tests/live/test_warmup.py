import subprocess
import sys
from collections.abc import Callable

import pytest

from livebg.config.settings import Settings
from livebg.errors import ModelError
from livebg.frame import Frame, Image, Size
from livebg.live.warmup import build_warmed_up
from tests.support.fakes import SIZE, FakePipeline, without_room

USE_ALL_AFTER_LOADING = """
import gc
from numba.core.dispatcher import Dispatcher
import numpy as np
import livebg.pipeline
from livebg.compositing.backgrounds import BlurPlate, TransparentPlate
from livebg.compositing.compositor import Compositor
from livebg.compositing.edge_colour import edge_colours
from livebg.frame import FramePyramid, PixelFormat
from livebg.live.warmup import load_kernels
from livebg.matting.flow import FlowCarrier
from livebg.segmenters.base import plain_matte
from tests.support.scenes import SyntheticScene

def kinds():
    return {
        (str(code.py_func), str(signature))
        for code in gc.get_objects() if isinstance(code, Dispatcher)
        for signature in code.signatures
    }

load_kernels()
before = kinds()
scene = SyntheticScene((320, 180), frame_count=1)
frame = scene.read()
pyramid = FramePyramid(frame)
matte = plain_matte(np.ascontiguousarray(scene.truth(0), np.float32) / 255, frame)
carrier = FlowCarrier(frame.size)
carrier.set_anchor(pyramid, matte)
carrier.carry(pyramid)
alpha = matte.alpha_over(pyramid, (40, 22))
for layout in ("i420", "nv12", "yuy2"):
    for matrix in ("bt601", "bt709"):
        for plate in (BlurPlate(50), TransparentPlate()):
            Compositor(plate).compose(
                pyramid, matte, alpha, colours=edge_colours(pyramid, alpha), want_alpha=True,
                pixel_format=PixelFormat(layout, matrix),
            )
assert before, "nothing is compiled"
assert kinds() == before, kinds() - before
"""


@pytest.mark.integration
def test_after_a_warm_up_nothing_is_left_to_compile() -> None:
    pytest.importorskip("numba")
    done = subprocess.run(
        [sys.executable, "-c", USE_ALL_AFTER_LOADING], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def warm_up(pipeline: FakePipeline) -> Settings:
    """Return the settings that the pipeline was made with."""
    made: list[Settings] = []

    def make(settings: Settings, size: Size, *, live: bool) -> FakePipeline:
        made.append(settings)
        return pipeline

    build_warmed_up(Settings(), SIZE, live=True, make=make)
    return made[0]


@pytest.mark.parametrize("answer", [without_room, lambda frame: None], ids=["in time", "late"])
def test_a_pipeline_that_was_warmed_up_is_as_new(answer: Callable[[Frame], Image | None]) -> None:
    pipeline = FakePipeline(answer)
    made = warm_up(pipeline)
    assert (pipeline.resets, pipeline.cleared, pipeline.closed) == (1, 1, False)
    assert made.max_matte_age_s > Settings().max_matte_age_s
    assert pipeline.reconfigured == [Settings()]


def test_a_pipeline_that_fails_to_warm_up_is_closed() -> None:
    def fail(frame: Frame) -> Image:
        raise ModelError("the network returned NaN")

    pipeline = FakePipeline(fail)
    with pytest.raises(ModelError, match="returned NaN"):
        warm_up(pipeline)
    assert pipeline.closed
