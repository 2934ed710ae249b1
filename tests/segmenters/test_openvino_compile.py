from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from livebg.errors import ModelError, UsageError
from livebg.frame import Image, Size
from livebg.models.rvm_graph import load_cut_graph
from livebg.segmenters.openvino_compile import (
    compile_graph,
    compiled_network,
    computes_int8,
    openvino_core,
    resolve_precision,
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
    monkeypatch.setattr("livebg.segmenters.openvino_compile.openvino_core", lambda: core)
    return core


def test_this_machines_processor_is_known() -> None:
    native = "BF16" in openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    assert resolve_precision("CPU", "auto") == ("bf16" if native else "f32")


def test_a_processor_without_bf16_computes_in_f32_and_a_gpu_in_f16(machine: FakeCore) -> None:
    assert resolve_precision("CPU", "auto") == "f32"
    assert resolve_precision("CPU", "f32") == "f32"
    assert resolve_precision("GPU", "auto") == "f16"
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
