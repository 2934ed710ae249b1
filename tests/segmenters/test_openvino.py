from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import helper

from livebg.errors import InputError, ModelError, UsageError, WeightsError
from livebg.frame import FloatImage, Frame, Image, Matte, Size
from livebg.models.rvm_graph import load_cut_graph
from livebg.segmenters.openvino import (
    OpenvinoStatic,
    compile_graph,
    compiled_network,
    computes_int8,
    describe_engine,
    openvino_core,
    resolve_precision,
)
from tests.support.checkpoints import write_checkpoint
from tests.support.onnx_files import (
    constant,
    linear_classes,
    pick,
    red_against_blue,
    red_matte_nchw,
    red_matte_nhwc,
    voc_weights,
    write_onnx,
)

SIZE: Size = (64, 48)
PICTURE: Image = np.random.default_rng(7).integers(0, 256, (1, 48, 64, 3), np.uint8)


class Bench:
    def __init__(self, weights: Path, folder: Path) -> None:
        self.weights = weights
        self.folder = folder
        self.read = 0

    def open(
        self, *, precision: str = "f32", threads: int = 1, variant: str = ""
    ) -> tuple[Any, Any]:
        return compiled_network(
            self._graph,
            weights=self.weights,
            input_size=SIZE,
            device="CPU",
            precision=precision,
            threads=threads,
            cache_folder=self.folder,
            variant=variant,
        )

    def _graph(self) -> Any:
        self.read += 1
        return load_cut_graph(openvino_core(), self.weights, SIZE)

    @property
    def blobs(self) -> list[Path]:
        return list(self.folder.glob("*.blob"))


@pytest.fixture
def bench(rvm_weights: Path, tmp_path: Path) -> Bench:
    return Bench(rvm_weights, tmp_path / "cache")


def gain(opened: tuple[Any, Any]) -> Any:
    request = opened[0].create_infer_request()
    request.infer({"src": PICTURE})
    return np.array(request.get_tensor("gain").data)


def test_what_was_compiled_once_is_loaded_and_computes_the_same(bench: Bench) -> None:
    compiled = gain(bench.open())
    loaded = gain(bench.open())
    assert bench.read == 1
    assert np.array_equal(compiled, loaded)


@pytest.mark.parametrize("change", [{"threads": 2}, {"variant": "int8"}])
def test_other_options_are_another_network(bench: Bench, change: dict[str, Any]) -> None:
    bench.open()
    bench.open(**change)
    assert bench.read == 2
    assert len(bench.blobs) == 2


def test_other_weights_are_another_network(bench: Bench, tmp_path: Path) -> None:
    bench.open()
    copy = tmp_path / bench.weights.name
    copy.write_bytes(bench.weights.read_bytes())
    bench.weights = copy
    bench.open()
    assert bench.read == 2


@pytest.mark.parametrize("stamped", [True, False], ids=["older stamp", "no stamp"])
def test_a_file_that_was_cut_short_is_made_again(bench: Bench, stamped: bool) -> None:
    expected = gain(bench.open())
    (blob,) = bench.blobs
    os.truncate(blob, 1000)
    if not stamped:
        blob.with_name(f"{blob.name}.stamp").unlink()
    assert np.array_equal(gain(bench.open()), expected)
    assert bench.read == 2
    assert blob.stat().st_size > 1000
    bench.open()
    assert bench.read == 2


def test_a_folder_that_cannot_be_written_only_costs_time(bench: Bench) -> None:
    bench.folder.write_text("a file, not a folder")
    bench.open()
    bench.open()
    assert bench.read == 2


class FakeCore:
    """A machine with these devices and what they compute natively."""

    def __init__(self, **capabilities: list[str]) -> None:
        self._capabilities = capabilities

    @property
    def available_devices(self) -> list[str]:
        return list(self._capabilities)

    def get_property(self, device: str, name: str) -> list[str]:
        assert name == "OPTIMIZATION_CAPABILITIES"
        return self._capabilities[device]

    def compile_model(self, graph: object, device: str, options: object) -> object:
        raise RuntimeError("Exception from src/inference.cpp:1:\nno memory left")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> FakeCore:
    core = FakeCore(CPU=["FP32", "INT8"], GPU=["FP32", "FP16"])
    monkeypatch.setattr("livebg.segmenters.openvino.openvino_core", lambda: core)
    return core


def test_there_is_one_core() -> None:
    assert openvino_core() is openvino_core()


def test_this_machines_processor_is_known() -> None:
    native = "BF16" in openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    assert resolve_precision("CPU", "auto") == ("bf16" if native else "f32")


def test_a_processor_without_bf16_computes_in_f32(machine: FakeCore) -> None:
    assert resolve_precision("CPU", "auto") == "f32"
    assert resolve_precision("CPU", "f32") == "f32"


def test_a_gpu_computes_in_f16(machine: FakeCore) -> None:
    assert resolve_precision("GPU", "auto") == "f16"


def test_emulated_bf16_is_refused(machine: FakeCore) -> None:
    with pytest.raises(UsageError, match=r"CPU computes bf16 only by emulation.*use --precision"):
        resolve_precision("CPU", "bf16")


def test_whole_numbers_are_for_x86_processors(
    machine: FakeCore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: "AMD64")
    assert computes_int8("CPU")
    assert not computes_int8("GPU")
    assert resolve_precision("CPU", "int8") == "f32"
    with pytest.raises(UsageError, match="int8 is for processors, not for GPU; use --precision"):
        resolve_precision("GPU", "int8")
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    assert not computes_int8("CPU")


def test_an_absent_device_is_refused_with_those_that_are_there(machine: FakeCore) -> None:
    with pytest.raises(UsageError, match="no device NPU on this machine, only CPU, GPU"):
        resolve_precision("NPU", "auto")


def test_what_cannot_be_compiled_is_one_sentence(machine: FakeCore, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot compile the network for GPU: no memory left;"):
        compile_graph(object(), device="GPU", precision="f16", threads=1, cache_folder=tmp_path)


def test_an_engine_has_a_name() -> None:
    assert describe_engine("CPU", "bf16") == "openvino CPU bf16"


OPENVINO_STATIC_SIZE = (48, 32)
BLUE, GREEN, RED = 0, 1, 2


@pytest.fixture(scope="module")
def frame() -> Frame:
    pixels = np.random.default_rng(1).integers(0, 256, (32, 48, 3), np.uint8)
    return Frame(pixels, index=7, captured_ns=70)


def matte_of(path: Path, frame: Frame, cache: Path, keep: tuple[str, ...] = ("person",)) -> Matte:
    with OpenvinoStatic(
        path,
        frame.size,
        keep=keep,
        input_size=OPENVINO_STATIC_SIZE,
        cache_folder=cache,
        precision="f32",
    ) as segmenter:
        return segmenter.segment(frame)


def assert_close(found: FloatImage, expected: NDArray[Any]) -> None:
    # A few roundings of float32 apart from numpy.
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def sigmoid(x: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(1 / (1 + np.exp(-x)))


def test_a_matte_with_channels_first(tmp_path: Path, frame: Frame) -> None:
    matte = matte_of(red_matte_nchw(tmp_path / "m.onnx"), frame, tmp_path)
    assert_close(matte.coarse, frame.image[..., RED] / 255)
    assert not matte.gain.any()
    assert matte.labels is None
    assert (matte.frame_index, matte.captured_ns) == (7, 70)


def test_a_matte_with_channels_last(tmp_path: Path, frame: Frame) -> None:
    matte = matte_of(red_matte_nhwc(tmp_path / "m.onnx"), frame, tmp_path)
    expected = sigmoid(frame.image[..., RED].astype(np.float32) / 255)
    assert_close(matte.coarse, expected)


def test_two_classes(tmp_path: Path, frame: Frame) -> None:
    matte = matte_of(red_against_blue(tmp_path / "m.onnx"), frame, tmp_path)
    scaled = (frame.image.astype(np.float32) / 255 - 0.5) / 0.5
    expected = sigmoid(scaled[..., RED] - scaled[..., BLUE])
    assert_close(matte.coarse, expected)


def test_21_classes_and_those_to_keep(tmp_path: Path, frame: Frame) -> None:
    matte = matte_of(linear_classes(tmp_path / "m.onnx"), frame, tmp_path, ("person", "dog"))
    rgb = frame.image[..., ::-1].astype(np.float32) / 255
    normal = (rgb - (0.485, 0.456, 0.406)) / np.array((0.229, 0.224, 0.225))
    logits = normal @ voc_weights().T
    odds = np.exp(logits - logits.max(2, keepdims=True))
    expected = odds[..., [12, 15]].sum(2) / odds.sum(2)
    assert_close(matte.coarse, expected)
    assert matte.labels is not None
    np.testing.assert_array_equal(matte.labels, logits.argmax(2))


def test_a_file_of_fixed_size_is_run_at_that_size(tmp_path: Path, frame: Frame) -> None:
    path = red_matte_nchw(tmp_path / "m.onnx", (16, 24))
    with OpenvinoStatic(
        path, OPENVINO_STATIC_SIZE, input_size=OPENVINO_STATIC_SIZE, cache_folder=tmp_path
    ) as segmenter:
        assert segmenter.info.input_size == (24, 16)
        assert segmenter.info.model == str(path)
        assert segmenter.segment(frame).size == (24, 16)


def test_a_network_that_returns_no_numbers_is_an_error(tmp_path: Path, frame: Frame) -> None:
    red, constants = pick("src", "red", 0, 1)
    constants.append(constant("zero", 0.0))
    nodes = [
        red,
        helper.make_node("Mul", ["red", "zero"], ["nothing"]),
        helper.make_node("Div", ["nothing", "zero"], ["pha"]),
    ]
    path = write_onnx(
        tmp_path / "nan.onnx", nodes, {"src": [1, 3, 32, 48]}, {"pha": [1, 1, 32, 48]}, constants
    )
    with pytest.raises(ModelError, match="values that are not numbers for frame 7"):
        matte_of(path, frame, tmp_path)


def test_a_recurrent_file_is_refused(rvm_weights: Path, frame: Frame, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="recurrent network"):
        matte_of(rvm_weights, frame, tmp_path)


def test_a_file_that_openvino_cannot_run_is_an_error(tmp_path: Path, frame: Frame) -> None:
    path = red_matte_nchw(tmp_path / "m.onnx")
    model = onnx.load(str(path))
    model.graph.node[0].domain = "somebody.else"
    model.opset_import.append(helper.make_opsetid("somebody.else", 1))
    onnx.save(model, str(path))
    with pytest.raises(ModelError, match=r"OpenVINO cannot use .*m\.onnx at 48x32"):
        matte_of(path, frame, tmp_path)


def test_a_missing_file_is_refused(tmp_path: Path, frame: Frame) -> None:
    with pytest.raises(InputError, match="absent"):
        matte_of(tmp_path / "absent.onnx", frame, tmp_path)


def test_an_unknown_class_is_refused(tmp_path: Path, frame: Frame) -> None:
    with pytest.raises(UsageError, match="'unicorn'"):
        matte_of(linear_classes(tmp_path / "m.onnx"), frame, tmp_path, ("unicorn",))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    name = "deeplabv3_mobilenet_v3_large"
    return write_checkpoint(name, tmp_path_factory.mktemp("weights") / f"{name}.pth")


@pytest.mark.integration
def test_a_converted_network_starts_without_torch_with_a_checkpoint_the_test_wrote(
    checkpoint: Path, tmp_path: Path
) -> None:
    program = f"""
import sys
from pathlib import Path
from livebg.segmenters.openvino import OpenvinoStatic
OpenvinoStatic(Path({str(checkpoint)!r}), {SIZE}, name={checkpoint.stem!r}, input_size={SIZE},
               cache_folder=Path({str(tmp_path)!r}))
print("torch" in sys.modules)
"""
    answers = [
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120
        ).stdout.split()[-1]
        for _ in range(2)
    ]
    assert answers == ["True", "False"]
    assert len(list(tmp_path.glob("deeplabv3*.xml"))) == 1


def test_a_wrong_checkpoint_is_refused_and_leaves_nothing(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no checkpoint of lraspp_mobilenet_v3_large"):
        OpenvinoStatic(
            checkpoint,
            OPENVINO_STATIC_SIZE,
            name="lraspp_mobilenet_v3_large",
            input_size=OPENVINO_STATIC_SIZE,
            cache_folder=tmp_path,
        )
    assert not list(tmp_path.iterdir())
