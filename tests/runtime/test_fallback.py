"""A device that is lost: torch's own exceptions, raised where a GPU would raise them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from livebg.config.schema import Settings
from livebg.errors import DeviceLostError
from livebg.runtime.build import build_pipeline
from livebg.runtime.build_device import build_on_device, settings_without_device
from livebg.runtime.fallback import FallbackPipeline
from livebg.types import Frame

SETTINGS = Settings(
    matte_size=(128, 80), device="torch:cpu", precision="f32", every=1, background="color:#00ff00"
)
GONE = "CUDA error: unspecified launch failure\nCompile with"


@pytest.fixture
def pipeline(rvm_weights: Path, talking_head_frames: list[Frame]) -> FallbackPipeline:
    size = talking_head_frames[0].size
    return FallbackPipeline(
        SETTINGS,
        lambda: build_on_device(SETTINGS, size, "cpu"),
        lambda settings: build_pipeline(settings_without_device(settings), size),
    )


def lose(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*_: object) -> torch.Tensor:
        raise error

    monkeypatch.setattr("livebg.device.crossing.Crossing.upload", fail)


@pytest.mark.parametrize(
    "error", [RuntimeError(GONE), torch.cuda.OutOfMemoryError("CUDA out of memory.")], ids=str
)
def test_the_frame_at_which_a_device_is_lost_is_filtered_by_the_processor(
    pipeline: FallbackPipeline,
    talking_head_frames: list[Frame],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
) -> None:
    with pipeline:
        pipeline.process(talking_head_frames[0])
        assert pipeline.info.engine == "torch cpu f32"
        lose(monkeypatch, error)
        for frame in talking_head_frames[1:3]:
            composite = pipeline.process(frame)
            assert composite.index == frame.index
            assert composite.image[5, 5].tolist() == [0, 255, 0]
        assert pipeline.info.engine.startswith("openvino CPU")
    (record,) = caplog.records
    assert record.getMessage().endswith("; livebg goes on with the processor")
    assert "\n" not in record.getMessage()


def test_no_frame_of_a_video_is_lost_with_the_device(
    pipeline: FallbackPipeline,
    talking_head_frames: list[Frame],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frames = talking_head_frames[:6]
    indices: list[int] = []
    with pipeline:
        for composite in pipeline.filtered(iter(frames)):
            indices.append(composite.index)
            if composite.index == 1:
                lose(monkeypatch, RuntimeError(GONE))
    assert indices == [frame.index for frame in frames]


def test_a_device_that_cannot_be_used_from_the_start_is_given_up(
    rvm_weights: Path, talking_head_frames: list[Frame]
) -> None:
    size = talking_head_frames[0].size

    def too_old() -> FallbackPipeline:
        raise DeviceLostError("cuda cannot be used: the NVIDIA driver is too old")

    with FallbackPipeline(
        SETTINGS, too_old, lambda settings: build_pipeline(settings_without_device(settings), size)
    ) as pipeline:
        assert pipeline.info.engine.startswith("openvino CPU")


def test_a_matte_of_the_lost_device_is_made_again(
    pipeline: FallbackPipeline, talking_head_frames: list[Frame], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pipeline:
        matte = pipeline.matte(talking_head_frames[0])
        monkeypatch.setattr(
            "livebg.device.chain.full_alpha",
            lambda *_: (_ for _ in ()).throw(RuntimeError(GONE)),
        )
        composite = pipeline.compose(talking_head_frames[0], matte)
    assert np.array_equal(composite.image[5, 5], [0, 255, 0])


def test_what_was_chosen_for_the_device_is_not_forced_on_the_processor() -> None:
    chosen = replace(
        SETTINGS, device="cuda", precision="f16", matte_size=(512, 288), background="white"
    )
    assert settings_without_device(chosen) == Settings(device="cpu", background="white")
