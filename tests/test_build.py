import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from livebg import build
from livebg.build import build_segmenter
from livebg.config.settings import Settings
from livebg.errors import DeviceLostError, InputError, UsageError
from livebg.frame import Size
from livebg.models.weights import add_weights
from livebg.pipeline import Pipeline
from tests.support.checkpoints import write_checkpoint
from tests.support.clips import write_clip
from tests.support.fakes import processed
from tests.support.mattes import noise_frame
from tests.support.onnx_files import red_matte_nchw

SIZE: Size = (192, 108)
SMALL = Settings(matte_size=(96, 64), background="color:#00ff00", precision="f32")


@pytest.fixture
def red_matte(tmp_path: Path) -> Path:
    """A network of the user's, whose alpha is the red channel."""
    return red_matte_nchw(tmp_path / "red.onnx")


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIVEBG_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize(
    ("size", "input_size"), [((1280, 720), (112, 64)), ((720, 1280), (64, 112))]
)
def test_the_network_sees_the_frames_shape(rvm_weights: Path, size: Size, input_size: Size) -> None:
    with build_segmenter(replace(SMALL, matte_size=(112, 64)), size) as segmenter:
        assert segmenter.info.input_size == input_size


@pytest.mark.parametrize(
    ("device", "engine"),
    [("cpu", "openvino CPU f32"), ("openvino:cpu", "openvino CPU f32"), ("torch:cpu", "torch cpu")],
)
def test_a_device_chooses_the_engine(rvm_weights: Path, device: str, engine: str) -> None:
    with Pipeline(replace(SMALL, device=device), SIZE) as pipeline:
        assert pipeline.info.engine.startswith(engine)
        assert processed(pipeline, noise_frame(SIZE)).image.shape == (108, 192, 3)


@pytest.mark.parametrize("device", ["gpu", "cpu:1", "openvino", "torch", "openvino:"])
def test_an_unknown_device_is_refused_with_the_choice(device: str) -> None:
    with pytest.raises(UsageError, match=f"unknown device '{device}'; choose auto, cpu, cuda"):
        Pipeline(replace(SMALL, device=device), SIZE)


def test_a_background_is_tried_before_a_network_is_fetched(own_cache: Path) -> None:
    with pytest.raises(UsageError, match="neither a file nor one of"):
        Pipeline(replace(SMALL, background="no-such-thing"), SIZE)
    assert not own_cache.exists()


def test_a_background_is_closed_again_when_the_network_cannot_be_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[object] = []
    monkeypatch.setattr("livebg.backgrounds.VideoPlate.close", lambda video: closed.append(video))
    video = write_clip(tmp_path / "film.mp4", count=3)
    with pytest.raises(InputError):
        Pipeline(replace(SMALL, background=str(video), model=str(tmp_path / "none.onnx")), SIZE)
    assert len(closed) == 1


def test_an_onnx_file_of_the_users_runs(red_matte: Path) -> None:
    with Pipeline(replace(SMALL, model=str(red_matte), edge_colour=False), SIZE) as pipeline:
        frame = noise_frame(SIZE)
        composite = processed(pipeline, frame, want_alpha=True)
        assert pipeline.statistics["model"] == str(red_matte)
        assert composite.alpha is not None
        # The network sees the average of four pixels and more.
        red = frame.image[..., 2]
        assert np.corrcoef(composite.alpha.ravel(), red.ravel())[0, 1] > 0.2


def test_an_onnx_file_runs_by_default_also_where_there_is_a_gpu(
    red_matte: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch, the choice for known networks there, runs no ONNX files."""
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/nvidia-smi")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    with build_segmenter(replace(SMALL, model=str(red_matte)), SIZE) as segmenter:
        assert segmenter.info.engine.startswith("openvino CPU")


@pytest.fixture
def old_driver(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine with an NVIDIA driver that torch is too new for."""

    def refuse(name: str) -> None:
        raise DeviceLostError(f"{name} cannot be used: The NVIDIA driver is too old")

    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/nvidia-smi")
    monkeypatch.setattr("livebg.segmenters.torch.resolve_device", refuse)
    build._has_cuda.cache_clear()
    yield
    build._has_cuda.cache_clear()


@pytest.mark.usefixtures("old_driver", "rvm_weights")
def test_a_card_that_cannot_be_used_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        with Pipeline(SMALL, SIZE) as pipeline:
            assert pipeline.info.engine == "openvino CPU f32"
    (record,) = caplog.records
    assert record.getMessage() == (
        "an NVIDIA driver is installed, but cuda cannot be used: The NVIDIA driver is too old; "
        "livebg goes on with the processor, and `livebg doctor` says what may help"
    )


@pytest.mark.usefixtures("old_driver", "rvm_weights")
def test_one_that_was_asked_for_is_given_up_in_a_sentence(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with Pipeline(replace(SMALL, device="cuda"), SIZE) as pipeline:
        assert pipeline.info.engine.startswith("openvino CPU")
        assert processed(pipeline, noise_frame(SIZE)).image.shape == (108, 192, 3)
    (record,) = caplog.records
    assert record.getMessage() == (
        "cuda cannot be used: The NVIDIA driver is too old; livebg goes on with the processor"
    )


@pytest.mark.parametrize("device", ["cuda", "torch:cpu"])
def test_an_onnx_file_on_torch_is_refused(red_matte: Path, device: str) -> None:
    with pytest.raises(UsageError, match=r"red\.onnx is an ONNX file, which torch cannot run"):
        build_segmenter(replace(SMALL, model=str(red_matte), device=device), SIZE)


def test_the_released_graph_may_be_given_as_a_file(rvm_weights: Path) -> None:
    with build_segmenter(replace(SMALL, model=str(rvm_weights)), SIZE) as segmenter:
        assert segmenter.info.recurrent


def test_a_network_with_classes_sees_more_pixels_than_rvm(own_cache: Path, tmp_path: Path) -> None:
    name = "lraspp_mobilenet_v3_large"
    add_weights(name, write_checkpoint(name, tmp_path / "checkpoint.pth"))
    settings = replace(SMALL, model=name, device="torch:cpu")
    with Pipeline(settings, (640, 360)) as pipeline:
        assert pipeline.info.input_size == (512, 288)
        assert pipeline.info.classes
    with pytest.raises(UsageError, match="unicorn"):
        Pipeline(replace(settings, keep=("unicorn",)), (640, 360))


@pytest.mark.parametrize("device", ["cpu", "torch:cpu"])
def test_a_network_without_classes_keeps_people_only(own_cache: Path, device: str) -> None:
    settings = replace(SMALL, keep=("person", "dog"), device=device)
    with pytest.raises(UsageError, match=r"cannot keep person, dog; .* --model \(deeplabv3_res"):
        Pipeline(settings, SIZE)
    assert not list(own_cache.rglob("rvm*"))


def test_so_does_a_file_of_the_users_without_classes(red_matte: Path) -> None:
    settings = replace(SMALL, model=str(red_matte), keep=("dog",))
    with pytest.raises(UsageError, match=r"red\.onnx finds people only and cannot keep dog"):
        build_segmenter(settings, SIZE)
