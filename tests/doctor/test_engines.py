import sys
from pathlib import Path
from types import ModuleType

import pytest

from livebg.doctor.engines import check_openvino, check_processor, check_torch
from livebg.doctor.finding import Check, Machine
from livebg.models.openvino_import import import_openvino


def cpu(folder: Path, flags: str) -> Machine:
    (folder / "proc").mkdir(exist_ok=True)
    (folder / "proc/cpuinfo").write_text(f"processor : 0\nflags\t: fpu {flags}\n")
    return Machine(root=folder)


def test_the_processor_says_its_fast_arithmetic(tmp_path: Path) -> None:
    (finding,) = check_processor(cpu(tmp_path, "avx2 avx512_vnni"))
    assert (finding.status, finding.said) == ("ok", "has AVX-512 VNNI, AVX2")


def test_an_old_processor_is_told_of_the_fast_preset(tmp_path: Path) -> None:
    (finding,) = check_processor(cpu(tmp_path, "sse2 avx2x"))
    assert finding.status == "warn"
    assert "--preset fast" in finding.remedy


def test_a_system_without_cpuinfo_is_not_judged(tmp_path: Path) -> None:
    assert check_processor(Machine(root=tmp_path)) == []


def test_openvino_runs_on_the_processor_of_this_machine(tmp_path: Path) -> None:
    (finding,) = check_openvino(Machine(root=tmp_path))
    assert finding.status == "ok"
    assert "CPU" in finding.said


def test_an_intel_gpu_without_its_driver_is_named(tmp_path: Path) -> None:
    vendor = tmp_path / "sys/class/drm/renderD128/device/vendor"
    vendor.parent.mkdir(parents=True)
    vendor.write_text("0x8086\n")
    devices = import_openvino().Core().available_devices
    if any(device.startswith("GPU") for device in devices):
        pytest.skip("this machine has the driver")
    _, finding = check_openvino(Machine(root=tmp_path))
    assert finding.status == "warn"
    assert "intel-opencl-icd" in finding.remedy


@pytest.mark.parametrize(("name", "check"), [("openvino", check_openvino), ("torch", check_torch)])
def test_an_engine_that_cannot_be_imported_is_installed_again(
    monkeypatch: pytest.MonkeyPatch, name: str, check: Check
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    (finding,) = check(Machine())
    assert finding.status == "fail"
    assert finding.remedy.startswith(f"pip install --force-reinstall {name}")


class FakeTorch(ModuleType):
    """A torch on a machine with the GPU that a test wants."""

    __version__ = "2.9.0"

    def __init__(self, *, cuda: bool = False, mps: bool = False, built_for: str | None) -> None:
        super().__init__("torch")
        self.cuda = ModuleType("cuda")
        vars(self.cuda).update(is_available=lambda: cuda, get_device_name=lambda: "RTX")
        self.backends = ModuleType("backends")
        self.backends.mps = ModuleType("mps")  # type: ignore[attr-defined] # a fake module
        vars(self.backends.mps).update(is_available=lambda: mps)
        self.version = ModuleType("version")
        vars(self.version).update(cuda=built_for)


@pytest.mark.parametrize(
    ("torch", "driver", "status", "said"),
    [
        (FakeTorch(cuda=True, built_for="12.6"), True, "ok", "RTX (--device cuda)"),
        (FakeTorch(mps=True, built_for=None), False, "ok", "(--device mps)"),
        (FakeTorch(built_for=None), True, "warn", "was built without CUDA"),
        (FakeTorch(built_for="13.0"), True, "warn", "needs a driver for CUDA 13.0"),
        (FakeTorch(built_for="13.0"), False, "ok", "there is no GPU"),
    ],
)
def test_a_gpu_is_used_or_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    torch: FakeTorch,
    driver: bool,
    status: str,
    said: str,
) -> None:
    if driver:
        version = tmp_path / "proc/driver/nvidia/version"
        version.parent.mkdir(parents=True)
        version.write_text("NVRM version: 550\n")
    monkeypatch.setitem(sys.modules, "torch", torch)
    (finding,) = check_torch(Machine(root=tmp_path))
    assert finding.status == status
    assert said in finding.said
    assert bool(finding.remedy) == (status == "warn")
