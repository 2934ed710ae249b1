"""What every segmenter keeps to: the acceptance test for a new one.

A new segmenter is one more line in ``SEGMENTERS``.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from livebg.errors import ModelError
from livebg.frame import Frame, FramePyramid, Size
from livebg.segmenters.base import Segmenter
from livebg.segmenters.openvino import OpenvinoSegmenter
from livebg.segmenters.torch import TorchSegmenter
from tests.support.checkpoints import write_checkpoint
from tests.support.cuda import NEEDS_CUDA
from tests.support.onnx_files import red_matte_nchw

FRAME: Size = (192, 108)
INPUT: Size = (96, 64)
LRASPP = "lraspp_mobilenet_v3_large"

Opener = Callable[[], Segmenter]


class Files:
    """Weights that the segmenters are opened with."""

    def __init__(self, rvm: Path, folder: Path) -> None:
        self.rvm = rvm
        self.cache = folder / "cache"
        self.lraspp = write_checkpoint(LRASPP, folder / f"{LRASPP}.pth")
        self.matte = red_matte_nchw(folder / "matte.onnx")


SEGMENTERS: dict[str, Callable[[Files], Opener]] = {
    "openvino rvm": lambda files: openvino(files, files.rvm, "rvm"),
    "openvino classes": lambda files: openvino(files, files.lraspp, LRASPP),
    "openvino onnx": lambda files: openvino(files, files.matte, None),
    "torch rvm": lambda files: torch_on("cpu", files.rvm, "rvm"),
    "torch classes": lambda files: torch_on("cpu", files.lraspp, LRASPP),
    "cuda rvm": lambda files: torch_on("cuda", files.rvm, "rvm"),
    "cuda classes": lambda files: torch_on("cuda", files.lraspp, LRASPP),
}


def openvino(files: Files, path: Path, name: str | None) -> Opener:
    return partial(
        OpenvinoSegmenter, path, FRAME, name=name, input_size=INPUT, cache_folder=files.cache
    )


def torch_on(device: str, path: Path, name: str) -> Opener:
    return partial(TorchSegmenter, path, FRAME, name=name, input_size=INPUT, device=device)


@pytest.fixture(scope="module")
def files(rvm_weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(rvm_weights, tmp_path_factory.mktemp("segmenters"))


@pytest.fixture(
    params=[
        pytest.param(name, marks=NEEDS_CUDA if name.startswith("cuda") else ())
        for name in SEGMENTERS
    ]
)
def opener(request: pytest.FixtureRequest, files: Files) -> Opener:
    return SEGMENTERS[request.param](files)


@pytest.fixture
def segmenter(opener: Opener) -> Iterator[Segmenter]:
    with opener() as segmenter:
        yield segmenter


def frame_of(seed: int, size: Size = FRAME) -> Frame:
    """Soft blobs of colour; the arrays of a frame may not be written to."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    rows = np.arange(size[1]) * 6 // size[1]
    columns = np.arange(size[0]) * 8 // size[0]
    image = np.ascontiguousarray(coarse[rows][:, columns])
    image.flags.writeable = False
    return Frame(image, index=100 + seed, captured_ns=1_000 * seed)


def test_it_says_what_it_is(segmenter: Segmenter) -> None:
    info = segmenter.info
    assert info.model
    assert info.engine.split()[0] in ("openvino", "torch")
    assert info.engine.split()[-1] in ("f32", "bf16", "f16", "int8+f32", "int8+bf16")
    assert info.input_size == INPUT


def test_a_matte_belongs_to_its_frame(segmenter: Segmenter) -> None:
    matte = segmenter.segment(FramePyramid(frame_of(3)))
    assert (matte.frame_index, matte.captured_ns, matte.origin) == (103, 3_000, "inferred")
    assert 0 <= matte.box.left < matte.box.right <= FRAME[0]
    assert 0 <= matte.box.top < matte.box.bottom <= FRAME[1]


def test_arrays_have_one_shape_and_are_float32_in_range(segmenter: Segmenter) -> None:
    matte = segmenter.segment(FramePyramid(frame_of(1)))
    for array in (matte.gain, matte.offset, matte.coarse):
        assert array.dtype == np.float32
        assert array.flags.c_contiguous
        assert array.shape == (matte.size[1], matte.size[0])
        assert np.isfinite(array).all()
    assert matte.coarse.min() >= 0
    assert matte.coarse.max() <= 1


def test_labels_come_with_classes(segmenter: Segmenter) -> None:
    matte = segmenter.segment(FramePyramid(frame_of(1)))
    classes = segmenter.info.classes
    assert (matte.labels is not None) == bool(classes)
    if matte.labels is not None:
        assert matte.labels.dtype == np.uint8
        assert matte.labels.shape == matte.coarse.shape
        assert matte.labels.max() < len(classes)


def test_different_frames_have_different_mattes(segmenter: Segmenter) -> None:
    first, second = (
        segmenter.segment(FramePyramid(frame_of(1))),
        segmenter.segment(FramePyramid(frame_of(2))),
    )
    assert np.abs(first.coarse - second.coarse).max() > 1e-3


def test_a_matte_stays_as_it_is_when_the_next_is_made(segmenter: Segmenter) -> None:
    matte = segmenter.segment(FramePyramid(frame_of(1)))
    before = [array.copy() for array in (matte.gain, matte.offset, matte.coarse)]
    segmenter.segment(FramePyramid(frame_of(2)))
    segmenter.segment(FramePyramid(frame_of(3)))
    for array, copy in zip((matte.gain, matte.offset, matte.coarse), before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_reset_forgets_earlier_frames(segmenter: Segmenter) -> None:
    fresh = segmenter.segment(FramePyramid(frame_of(1)))
    segmenter.segment(FramePyramid(frame_of(2)))
    again = segmenter.segment(FramePyramid(frame_of(1)))
    remembers = not np.array_equal(fresh.coarse, again.coarse)
    assert remembers == segmenter.info.recurrent
    segmenter.reset()
    np.testing.assert_array_equal(segmenter.segment(FramePyramid(frame_of(1))).coarse, fresh.coarse)


def test_two_do_not_share_what_they_remember(opener: Opener) -> None:
    with opener() as one, opener() as other:
        alone = one.segment(FramePyramid(frame_of(1)))
        np.testing.assert_array_equal(other.segment(FramePyramid(frame_of(1))).coarse, alone.coarse)


def test_a_frame_of_another_size_is_refused(segmenter: Segmenter) -> None:
    with pytest.raises(ValueError, match="192x108"):
        segmenter.segment(FramePyramid(frame_of(1, (108, 192))))
    segmenter.segment(FramePyramid(frame_of(1)))


def test_close_is_final_and_may_be_repeated(opener: Opener) -> None:
    segmenter = opener()
    segmenter.segment(FramePyramid(frame_of(1)))
    segmenter.close()
    segmenter.close()
    with pytest.raises(ModelError, match="closed"):
        segmenter.segment(FramePyramid(frame_of(2)))
