from fractions import Fraction
from pathlib import Path

import pytest

from livebg.doctor import cameras
from livebg.doctor.cameras import check_cameras
from livebg.doctor.findings import Finding, Machine
from livebg.platform.camera_modes import CameraMode
from livebg.sources.devices import CameraDevice
from tests.support.device_trees import linux, only

HD = (1280, 720)
QUICK = CameraMode("MJPG", HD, (Fraction(30),))
SLOW = CameraMode("YUYV", HD, (Fraction(10),))


def camera(path: str | Path = "/dev/video0", **facts: object) -> CameraDevice:
    return CameraDevice("usb-1", str(path), 0, "Desk", **facts)  # type: ignore[arg-type] # by test


def examine(
    monkeypatch: pytest.MonkeyPatch, machine: Machine, *found: CameraDevice
) -> list[Finding]:
    monkeypatch.setattr(cameras, "list_cameras", lambda: list(found))
    return check_cameras(machine)


def test_the_mode_that_would_be_used_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = camera(modes=(SLOW, QUICK))
    assert examine(monkeypatch, linux(tmp_path, {}), found) == [
        Finding("camera", "ok", "/dev/video0 (Desk): 1280x720 MJPG at 30 frames/s")
    ]


def test_a_slow_camera_without_mjpg_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    finding = only(examine(monkeypatch, linux(tmp_path, {}), camera(modes=(SLOW,))))
    assert finding.status == "warn"
    assert finding.said == (
        "/dev/video0 (Desk): 1280x720 YUYV at 10 frames/s; it has no MJPG, so it is slow"
    )
    assert finding.remedy.startswith("livebg run --size 640x480")


def test_modes_that_nobody_tells_are_no_fault(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert only(examine(monkeypatch, linux(tmp_path, {}), camera())).status == "ok"


def test_what_keeps_a_camera_closed_is_split_into_fault_and_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = camera(problem="you may not open it; join its group")
    assert examine(monkeypatch, linux(tmp_path, {}), found) == [
        Finding("camera", "fail", "you may not open it", "join its group")
    ]


def test_who_has_a_camera_open_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    machine = linux(tmp_path, {"dev/video0": "", "proc/30/comm": "zoom\n"})
    (tmp_path / "proc/30/fd").mkdir()
    (tmp_path / "proc/30/fd/7").symlink_to(tmp_path / "dev/video0")
    path = tmp_path / "dev/video0"
    finding = only(examine(monkeypatch, machine, camera(path, modes=(QUICK,))))
    assert (finding.status, finding.said) == (
        "warn",
        f"{path} (Desk) is open in zoom (process 30)",
    )
    assert finding.remedy.startswith("close it there")


def test_a_virtual_camera_is_no_fault(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    finding = only(examine(monkeypatch, linux(tmp_path, {}), camera(virtual=True)))
    assert finding == Finding("camera", "ok", "/dev/video0 (Desk): a virtual camera")


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_elsewhere_the_first_mode_is_all_that_is_known(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, platform: str
) -> None:
    machine = Machine(root=tmp_path, platform=platform)
    assert only(examine(monkeypatch, machine, camera("0", modes=(CameraMode("", HD),)))) == Finding(
        "camera", "ok", "0 (Desk): its modes cannot be asked for"
    )


def test_no_camera_says_how_to_do_without(monkeypatch: pytest.MonkeyPatch) -> None:
    finding = only(examine(monkeypatch, Machine()))
    assert finding.status == "warn"
    assert "--camera VIDEO" in finding.remedy
