from pathlib import Path

import pytest

from livebg.errors import ModelError, UsageError
from livebg.segment.openvino_engine import (
    compile_graph,
    computes_int8,
    describe_engine,
    openvino_core,
    resolve_precision,
)


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
    monkeypatch.setattr("livebg.segment.openvino_engine.openvino_core", lambda: core)
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
