from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from livebg.errors import ModelError, UsageError
from livebg.segment.openvino_rvm import OpenvinoRvm
from livebg.segment.torch_rvm import TorchRvm
from livebg.types import Box, Frame

FRAMES = 12
INPUT = (128, 80)


@pytest.fixture(scope="module")
def frames(talking_head_clip: Path) -> list[Frame]:
    with av.open(str(talking_head_clip)) as container:
        decoded = (picture.to_ndarray(format="bgr24") for picture in container.decode(video=0))
        return [
            Frame(np.ascontiguousarray(image), index, index * 33_000_000)
            for index, image in zip(range(FRAMES), decoded, strict=False)
        ]


@pytest.fixture
def segmenter(rvm_weights: Path, frames: list[Frame]) -> Iterator[TorchRvm]:
    with TorchRvm(rvm_weights, frames[0].size, input_size=INPUT) as segmenter:
        yield segmenter


def test_it_gives_the_matte_of_openvino(
    segmenter: TorchRvm, rvm_weights: Path, frames: list[Frame], tmp_path: Path
) -> None:
    with OpenvinoRvm(
        rvm_weights, frames[0].size, input_size=INPUT, cache_folder=tmp_path, precision="f32"
    ) as other:
        for frame in frames:
            ours, theirs = segmenter.segment(frame), other.segment(frame)
            # 1e-4 is what different orders of summation leave in coefficients of size 1.
            for name in ("gain", "offset", "coarse"):
                np.testing.assert_allclose(
                    getattr(ours, name), getattr(theirs, name), rtol=0, atol=1e-3
                )


def test_it_mattes_the_person(segmenter: TorchRvm, frames: list[Frame]) -> None:
    for frame in frames:
        matte = segmenter.segment(frame)
    height, width = matte.coarse.shape
    assert (width, height) == INPUT
    assert matte.box == Box.whole(frame.size)
    # The head is in the middle, the room in the upper corners.
    assert matte.coarse[height // 2, width // 2] > 0.95
    assert matte.coarse[:8, :8].max() < 0.05
    assert matte.coarse[:8, -8:].max() < 0.05


def test_the_state_carries_what_was_seen(segmenter: TorchRvm, frames: list[Frame]) -> None:
    first = segmenter.segment(frames[0])
    second = segmenter.segment(frames[0])
    assert np.abs(second.coarse - first.coarse).max() > 1e-3
    segmenter.reset()
    np.testing.assert_array_equal(segmenter.segment(frames[0]).coarse, first.coarse)


def test_values_that_are_no_numbers_are_an_error_and_are_forgotten(
    segmenter: TorchRvm, frames: list[Frame], monkeypatch: pytest.MonkeyPatch
) -> None:
    good = segmenter.segment(frames[0])
    with monkeypatch.context() as patch:
        patch.setattr(
            "livebg.segment.torch_rvm.upload",
            lambda image, device, dtype: torch.full((1, 3, *image.shape[:2]), torch.nan),
        )
        with pytest.raises(ModelError, match="rvm returned values that are not numbers"):
            segmenter.segment(frames[1])
    np.testing.assert_array_equal(segmenter.segment(frames[0]).coarse, good.coarse)


def test_what_torch_raises_is_translated(
    segmenter: TorchRvm, frames: list[Frame], monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_memory(*_: object) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("livebg.segment.torch_rvm.upload", out_of_memory)
    with pytest.raises(ModelError, match="torch failed on cpu while it ran rvm: CUDA out of mem"):
        segmenter.segment(frames[0])


@pytest.mark.parametrize("device", ["cuda:77", "xpu", "toaster"])
def test_an_absent_device_is_refused(rvm_weights: Path, device: str) -> None:
    with pytest.raises(UsageError, match=f"torch .* device .*{device}.*cpu"):
        TorchRvm(rvm_weights, (640, 360), input_size=INPUT, device=device)


def test_an_unknown_precision_is_refused(rvm_weights: Path) -> None:
    with pytest.raises(UsageError, match="'f8'; choose auto, f32"):
        TorchRvm(rvm_weights, (640, 360), input_size=INPUT, precision="f8")


def test_bfloat16_is_named_and_nearly_the_same(
    segmenter: TorchRvm, rvm_weights: Path, frames: list[Frame]
) -> None:
    exact = segmenter.segment(frames[0])
    with TorchRvm(rvm_weights, frames[0].size, input_size=INPUT, precision="bf16") as short:
        assert short.info.engine == "torch cpu bf16"
        found = short.segment(frames[0])
    # Eight bits of mantissa, 1/256 of a value, some of it amplified at soft edges.
    assert np.abs(found.coarse - exact.coarse).mean() < 1e-2


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_computes_in_f16_and_nearly_the_same(
    segmenter: TorchRvm, rvm_weights: Path, frames: list[Frame]
) -> None:
    with TorchRvm(rvm_weights, frames[0].size, input_size=INPUT, device="cuda") as fast:
        assert fast.info.engine == "torch cuda f16"
        for frame in frames:
            found, exact = fast.segment(frame), segmenter.segment(frame)
            # Ten bits of mantissa, 1/1024 of a value, some of it amplified at soft edges.
            assert np.abs(found.coarse - exact.coarse).mean() < 5e-3
