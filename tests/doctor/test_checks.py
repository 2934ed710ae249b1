from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from livebg import __version__
from livebg.doctor import checks
from livebg.doctor.checks import CHECKS, examine
from livebg.doctor.findings import Check, Finding, Machine
from livebg.models.catalog import CATALOG, CatalogEntry
from livebg.models.openvino_ir import import_openvino
from livebg.platform.cameras import CameraDevice, CameraMode
from tests.support.device_trees import holding, linux, only


def test_a_check_that_breaks_is_a_finding_and_the_others_still_run() -> None:
    def check_the_moon(machine: Machine) -> list[Finding]:
        raise ZeroDivisionError("it set")

    after = Finding("b", "ok", "works")
    broken, other = examine(Machine(), (check_the_moon, lambda m: [after]))
    assert (broken.topic, broken.status) == ("the moon", "fail")
    assert "ZeroDivisionError: it set" in broken.said
    assert other == after


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_the_checks_run_on_an_empty_machine_of_any_system(tmp_path: Path, platform: str) -> None:
    (tmp_path / "proc").mkdir()
    findings = examine(Machine(root=tmp_path, platform=platform, kernel="6.1.0", environment={}))
    topics = {finding.topic: finding for finding in findings}
    assert not [finding for finding in findings if "the check itself failed" in finding.said]
    assert topics["virtual camera"].status == "warn"
    assert ("PipeWire" in topics) == (platform == "linux")
    assert ("OBS" in topics["virtual camera"].said) == (platform != "linux")


def test_the_checks_run_on_this_machine_without_breaking() -> None:
    findings = examine(Machine())
    assert len(findings) >= len(CHECKS)
    assert not [finding for finding in findings if "the check itself failed" in finding.said]
    for finding in findings:
        assert finding.topic and finding.said
        assert (finding.remedy == "") == (finding.status == "ok"), finding


def test_versions_are_said_and_a_missing_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "find_spec", lambda name: None)
    livebg, python, numba = checks.check_python(Machine())
    assert __version__ in livebg.said
    assert python.said.startswith("3.")
    assert numba.remedy == "pip install numba"


def test_a_cache_that_is_yet_to_be_made_is_ok_else_what_is_wrong_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVEBG_CACHE", str(tmp_path / "cache"))
    missing = only(checks.check_cache(Machine()))
    assert (missing.status, missing.said) == ("ok", str(tmp_path / "cache"))
    forbidden = only(checks.check_cache(Machine(may_access=lambda path, mode: False)))
    assert forbidden.status == "fail"
    assert "LIVEBG_CACHE" in forbidden.remedy
    (tmp_path / "cache").write_text("a file")
    no_folder = only(checks.check_cache(Machine()))
    assert no_folder.status == "fail"
    assert "is no folder" in no_folder.said


def test_weights_are_listed_or_come_with_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVEBG_CACHE", str(tmp_path))
    missing = only(checks.check_weights(Machine()))
    assert (missing.status, missing.remedy) == ("warn", "livebg models pull rvm")

    def weights_path(entry: CatalogEntry) -> Path | None:
        return Path("here") if entry is CATALOG["rvm"] else None

    monkeypatch.setattr(checks, "weights_path", weights_path)
    here = only(checks.check_weights(Machine()))
    assert (here.status, here.said) == ("ok", "rvm are here")


def test_the_processor_says_its_fast_arithmetic(tmp_path: Path) -> None:
    assert checks.check_processor(Machine(root=tmp_path)) == []
    flags = "processor : 0\nflags\t: fpu "
    quick = only(
        checks.check_processor(linux(tmp_path, {"proc/cpuinfo": flags + "avx2 avx512_vnni"}))
    )
    assert (quick.status, quick.said) == ("ok", "has AVX-512 VNNI, AVX2")
    old = only(checks.check_processor(linux(tmp_path, {"proc/cpuinfo": flags + "sse2 avx2x"})))
    assert old.status == "warn"
    assert "--preset fast" in old.remedy


def test_openvino_runs_on_the_processor_of_this_machine(tmp_path: Path) -> None:
    finding = only(checks.check_openvino(Machine(root=tmp_path)))
    assert finding.status == "ok"
    assert "CPU" in finding.said


def test_an_intel_gpu_without_its_driver_is_named(tmp_path: Path) -> None:
    devices = import_openvino().Core().available_devices
    if any(device.startswith("GPU") for device in devices):
        pytest.skip("this machine has the driver")
    machine = linux(tmp_path, {"sys/class/drm/renderD128/device/vendor": "0x8086\n"})
    _, finding = checks.check_openvino(machine)
    assert finding.status == "warn"
    assert "intel-opencl-icd" in finding.remedy


@pytest.mark.parametrize(
    ("name", "check"), [("openvino", checks.check_openvino), ("torch", checks.check_torch)]
)
def test_an_engine_that_cannot_be_imported_is_installed_again(
    monkeypatch: pytest.MonkeyPatch, name: str, check: Check
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    finding = only(check(Machine()))
    assert finding.status == "fail"
    assert finding.remedy.startswith(f"pip install --force-reinstall {name}")


def fake_torch(
    *, cuda: bool = False, mps: bool = False, built_for: str | None = None
) -> ModuleType:
    torch = ModuleType("torch")
    vars(torch).update(
        __version__="2.9.0",
        cuda=SimpleNamespace(is_available=lambda: cuda, get_device_name=lambda: "RTX"),
        backends=SimpleNamespace(mps=SimpleNamespace(is_available=lambda: mps)),
        version=SimpleNamespace(cuda=built_for),
    )
    return torch


@pytest.mark.parametrize(
    ("torch", "driver", "status", "said"),
    [
        (fake_torch(cuda=True, built_for="12.6"), True, "ok", "RTX (--device cuda)"),
        (fake_torch(mps=True), False, "ok", "(--device mps)"),
        (fake_torch(), True, "warn", "was built without CUDA"),
        (fake_torch(built_for="13.0"), True, "warn", "needs a driver for CUDA 13.0"),
        (fake_torch(built_for="13.0"), False, "ok", "there is no GPU"),
    ],
)
def test_a_gpu_is_used_or_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    torch: ModuleType,
    driver: bool,
    status: str,
    said: str,
) -> None:
    monkeypatch.setitem(sys.modules, "torch", torch)
    version = "NVRM version: 550\n" if driver else None
    finding = only(checks.check_torch(linux(tmp_path, {"proc/driver/nvidia/version": version})))
    assert finding.status == status
    assert said in finding.said
    assert bool(finding.remedy) == (status == "warn")


HD = (1280, 720)
QUICK = CameraMode("MJPG", HD, (Fraction(30),))
SLOW = CameraMode("YUYV", HD, (Fraction(10),))
DESK = "/dev/video0 (Desk)"
UNKNOWN = Finding("camera", "ok", f"{DESK}: its modes cannot be asked for")


def check_camera(
    monkeypatch: pytest.MonkeyPatch, machine: Machine, path: str = "/dev/video0", **facts: Any
) -> Finding:
    camera = CameraDevice("usb-1", path, 0, "Desk", **facts)
    monkeypatch.setattr(checks, "list_cameras", lambda: [camera])
    return only(checks.check_cameras(machine))


@pytest.mark.parametrize(
    ("facts", "finding"),
    [
        ({"modes": (SLOW, QUICK)}, Finding("camera", "ok", f"{DESK}: {QUICK}")),
        (
            {"modes": (SLOW,)},
            Finding(
                "camera",
                "warn",
                f"{DESK}: 1280x720 YUYV at 10 frames/s; it has no MJPG, so it is slow",
                "livebg run --size 640x480, more light, or a faster USB port",
            ),
        ),
        ({}, UNKNOWN),
        # What OpenCV tells of a camera of Windows or macOS.
        ({"modes": (CameraMode("", HD),)}, UNKNOWN),
        (
            {"problem": "you may not open it; join its group"},
            Finding("camera", "fail", "you may not open it", "join its group"),
        ),
        ({"virtual": True}, Finding("camera", "ok", f"{DESK}: a virtual camera")),
    ],
)
def test_each_camera_is_judged(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, facts: dict[str, Any], finding: Finding
) -> None:
    assert check_camera(monkeypatch, linux(tmp_path, {}), **facts) == finding


def test_a_program_that_has_a_camera_open_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    machine = holding(linux(tmp_path, {"dev/video0": ""}), "zoom", "dev/video0")
    path = str(tmp_path / "dev/video0")
    finding = check_camera(monkeypatch, machine, path, modes=(QUICK,))
    assert finding.status == "warn"
    assert finding.said == f"{path} (Desk) is open in zoom (process 30)"
    assert finding.remedy.startswith("close it there")


def test_no_camera_says_how_to_do_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "list_cameras", list)
    finding = only(checks.check_cameras(Machine()))
    assert finding.status == "warn"
    assert "--camera VIDEO" in finding.remedy


PIPEWIRE = {
    "proc/20/comm": "pipewire\n",
    "proc/21/comm": "wireplumber\n",
    "run/user/1000/pipewire-0": "",
}
SESSION = {"XDG_RUNTIME_DIR": "/run/user/1000"}


@pytest.mark.parametrize(
    ("change", "session", "status", "words"),
    [
        ({}, SESSION, "ok", "runs, with wireplumber"),
        (
            {"proc/21/comm": "pipewire-media-session"[:15]},
            SESSION,
            "ok",
            "runs, with pipewire-media-session",
        ),
        ({"proc/21/comm": None}, SESSION, "warn", "enable --now wireplumber"),
        ({"proc/20/comm": None}, SESSION, "warn", "enable --now pipewire wireplumber"),
        ({"run/user/1000/pipewire-0": None}, SESSION, "warn", "enable --now pipewire wireplumber"),
        ({}, {}, "warn", "enable --now pipewire wireplumber"),
    ],
)
def test_pipewire_needs_its_socket_and_a_session_manager(
    tmp_path: Path,
    change: dict[str, str | None],
    session: dict[str, str],
    status: str,
    words: str,
) -> None:
    machine = linux(tmp_path, {**PIPEWIRE, **change}, environment=session)
    finding = only(checks.check_pipewire(machine))
    assert finding.status == status
    assert (finding.remedy or finding.said).endswith(words)


def test_a_display_is_found_by_its_variable() -> None:
    shown = Machine(platform="linux", environment={"DISPLAY": ":7"})
    hidden = Machine(platform="linux", environment={})
    assert checks.check_display(shown) == [Finding("window", "ok", "there is a display :7")]
    assert only(checks.check_display(hidden)).status == "warn"


def test_an_opencv_without_windows_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cv2.currentUIFramework", lambda: "")
    finding = only(checks.check_display(Machine(environment={"DISPLAY": ":7"})))
    assert finding.status == "warn"
    assert "pip install --force-reinstall opencv-python" in finding.remedy
