from pathlib import Path

import pytest

from livebg.doctor.finding import Finding, Machine
from livebg.doctor.loopback import check_virtual_camera, find_module
from tests.doctor.trees import LOADED, linux, only


def test_a_missing_module_is_installed_by_setup(tmp_path: Path) -> None:
    finding = only(check_virtual_camera(linux(tmp_path, {})))
    assert finding.status == "warn"
    assert "is not installed" in finding.said
    assert finding.remedy == "livebg setup virtual-camera --apply"


def test_a_module_that_is_not_loaded_is_loaded(tmp_path: Path) -> None:
    machine = linux(
        tmp_path,
        {
            "lib/modules/6.1.0/updates/dkms/v4l2loopback.ko.xz": "",
            "usr/src/v4l2loopback-0.12.7/v4l2loopback.c": "",
        },
    )
    finding = only(check_virtual_camera(machine))
    assert finding.status == "warn"
    assert finding.said == "v4l2loopback 0.12.7 is installed but not loaded"
    assert finding.remedy.startswith("sudo modprobe v4l2loopback exclusive_caps=1")


def test_a_module_for_another_kernel_does_not_count(tmp_path: Path) -> None:
    machine = linux(tmp_path, {"lib/modules/6.2.0/v4l2loopback.ko": ""})
    assert not find_module(machine).installed


def test_a_loaded_module_is_ok(tmp_path: Path) -> None:
    machine = linux(tmp_path, LOADED)
    assert find_module(machine).usable
    assert check_virtual_camera(machine) == [
        Finding(
            "virtual camera",
            "ok",
            "v4l2loopback 0.15.0 with exclusive_caps=1 at /dev/video4 (livebg)",
        )
    ]


def test_who_has_the_virtual_camera_open_is_said(tmp_path: Path) -> None:
    machine = linux(tmp_path, {**LOADED, "proc/30/comm": "chrome\n"})
    (tmp_path / "proc/30/fd").mkdir()
    (tmp_path / "proc/30/fd/7").symlink_to(tmp_path / "dev/video4")
    finding = only(check_virtual_camera(machine))
    assert finding.status == "ok"
    assert finding.said.endswith("/dev/video4 (livebg), open in chrome (process 30)")


def test_several_sources_leave_the_version_open(tmp_path: Path) -> None:
    sources = {f"usr/src/v4l2loopback-{version}/x": "" for version in ("0.12.7", "0.12.5")}
    machine = linux(tmp_path, {**LOADED, "sys/module/v4l2loopback/version": None, **sources})
    assert find_module(machine).version == ""
    assert str(find_module(machine)) == "v4l2loopback"


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"sys/module/v4l2loopback/parameters/exclusive_caps": "N,N"}, "warn", "exclusive_caps=1"),
        ({"sys/class/video4linux/video4/max_openers": None}, "fail", "without a device"),
    ],
)
def test_a_badly_loaded_module_is_loaded_again(
    tmp_path: Path, change: dict[str, str | bytes | None], status: str, said: str
) -> None:
    machine = linux(tmp_path, {**LOADED, **change})
    finding = only(check_virtual_camera(machine))
    assert finding.status == status
    assert said in finding.said
    assert finding.remedy.startswith("sudo modprobe -r v4l2loopback")
    assert not find_module(machine).usable


def test_a_forbidden_virtual_camera_names_the_group(tmp_path: Path) -> None:
    machine = linux(tmp_path, LOADED, may_access=lambda path, mode: False)
    finding = only(check_virtual_camera(machine))
    assert finding.status == "fail"
    assert "/dev/video4" in finding.said
    assert "usermod -aG video" in finding.remedy


@pytest.mark.parametrize(
    ("platform", "file"),
    [("darwin", "Applications/OBS.app"), ("win32", "Program Files/obs-studio")],
)
def test_elsewhere_the_virtual_camera_is_that_of_obs(
    tmp_path: Path, platform: str, file: str
) -> None:
    machine = Machine(root=tmp_path, platform=platform)
    bare = only(check_virtual_camera(machine))
    assert bare.status == "warn"
    assert "obsproject.com" in bare.remedy
    (tmp_path / file).mkdir(parents=True)
    assert only(check_virtual_camera(machine)).status == "ok"
