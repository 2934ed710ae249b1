from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from livebg import __version__
from livebg.doctor import software
from livebg.doctor.findings import Check, Finding, Machine
from livebg.doctor.software import (
    check_cache,
    check_display,
    check_openvino,
    check_processor,
    check_python,
    check_torch,
    check_weights,
)
from livebg.models.catalog import CATALOG, CatalogEntry
from livebg.models.openvino_ir import import_openvino
from tests.support.device_trees import only


def test_versions_are_said() -> None:
    said = [finding.said for finding in check_python(Machine())]
    assert __version__ in said[0]
    assert said[1].startswith("3.")


def test_a_missing_numba_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(software, "find_spec", lambda name: None)
    assert check_python(Machine())[-1].remedy == "pip install numba"


def test_a_cache_that_is_yet_to_be_made_is_ok(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVEBG_CACHE", str(tmp_path / "new" / "cache"))
    (finding,) = check_cache(Machine())
    assert (finding.status, finding.said) == ("ok", str(tmp_path / "new" / "cache"))


def test_a_cache_that_is_forbidden_or_no_folder_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVEBG_CACHE", str(tmp_path / "cache"))
    (forbidden,) = check_cache(Machine(may_access=lambda path, mode: False))
    assert forbidden.status == "fail"
    assert "LIVEBG_CACHE" in forbidden.remedy
    (tmp_path / "cache").write_text("a file")
    (no_folder,) = check_cache(Machine())
    assert no_folder.status == "fail"
    assert "is no folder" in no_folder.said


def test_weights_that_are_not_here_come_with_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVEBG_CACHE", str(tmp_path))
    (finding,) = check_weights(Machine())
    assert (finding.status, finding.remedy) == ("warn", "livebg models pull rvm")


def test_weights_that_are_here_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    def weights_path(entry: CatalogEntry) -> Path | None:
        return Path("here") if entry is CATALOG["rvm"] else None

    monkeypatch.setattr(software, "weights_path", weights_path)
    (finding,) = check_weights(Machine())
    assert (finding.status, finding.said) == ("ok", "rvm are here")


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


def test_a_display_is_found_by_its_variable() -> None:
    shown = Machine(platform="linux", environment={"DISPLAY": ":7"})
    hidden = Machine(platform="linux", environment={})
    assert check_display(shown) == [Finding("window", "ok", "there is a display :7")]
    assert only(check_display(hidden)).status == "warn"


def test_an_opencv_without_windows_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cv2.currentUIFramework", lambda: "")
    finding = only(check_display(Machine(environment={"DISPLAY": ":7"})))
    assert finding.status == "warn"
    assert "pip install --force-reinstall opencv-python" in finding.remedy
