from collections.abc import Callable
from pathlib import Path

import pytest

from livebg.doctor import video
from livebg.doctor.finding import Finding, Machine
from livebg.doctor.video import check_cameras, check_display, check_virtual_camera
from livebg.source.devices import CameraDevice

Tree = Callable[..., Path]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Return a function that writes files, given by path and content, and gives their root."""

    def tree(files: dict[str, str]) -> Path:
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        return tmp_path

    return tree


LOADED = {
    "sys/module/v4l2loopback/version": "0.12.7\n",
    "sys/module/v4l2loopback/parameters/exclusive_caps": "Y,N,N,N\n",
    "sys/devices/virtual/video4linux/video4/name": "livebg\n",
    "dev/video4": "",
}


def only(findings: list[Finding]) -> Finding:
    (finding,) = findings
    return finding


@pytest.mark.parametrize(
    ("release", "command"),
    [
        ("ID=ubuntu\nID_LIKE=debian\n", "sudo apt install v4l2loopback-dkms"),
        ("ID=fedora\n", "sudo dnf install akmod-v4l2loopback"),
        ('ID="opensuse-tumbleweed"\nID_LIKE="opensuse suse"\n', "sudo zypper install"),
        ("ID=manjaro\nID_LIKE=arch\n", "sudo pacman -S v4l2loopback-dkms"),
        ("", "sudo apt install v4l2loopback-dkms"),
    ],
)
def test_a_missing_module_is_installed_as_the_system_does_it(
    tree: Tree, release: str, command: str
) -> None:
    machine = Machine(root=tree({"etc/os-release": release}), platform="linux", kernel="6.1.0")
    finding = only(check_virtual_camera(machine))
    assert finding.status == "warn"
    assert finding.remedy.startswith(command)
    assert "modprobe v4l2loopback exclusive_caps=1" in finding.remedy


def test_a_module_that_is_not_loaded_is_loaded(tree: Tree) -> None:
    root = tree({"lib/modules/6.1.0/updates/dkms/v4l2loopback.ko.xz": ""})
    machine = Machine(root=root, platform="linux", kernel="6.1.0")
    finding = only(check_virtual_camera(machine))
    assert (finding.status, finding.said) == ("warn", "v4l2loopback is installed but not loaded")
    assert finding.remedy.startswith("sudo modprobe v4l2loopback")


def test_a_module_for_another_kernel_does_not_count(tree: Tree) -> None:
    root = tree({"lib/modules/6.1.0/updates/dkms/v4l2loopback.ko.xz": ""})
    machine = Machine(root=root, platform="linux", kernel="6.2.0")
    assert "not installed" in only(check_virtual_camera(machine)).said


def test_a_loaded_module_is_ok(tree: Tree) -> None:
    machine = Machine(root=tree(LOADED), platform="linux")
    assert check_virtual_camera(machine) == [
        Finding("virtual camera", "ok", "v4l2loopback 0.12.7 at /dev/video4")
    ]


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"sys/module/v4l2loopback/parameters/exclusive_caps": "N,N"}, "warn", "exclusive_caps=1"),
        ({"sys/devices/virtual/video4linux/video4/name": None}, "fail", "without a device"),
    ],
)
def test_a_badly_loaded_module_is_loaded_again(
    tree: Tree, change: dict[str, str | None], status: str, said: str
) -> None:
    files = {name: text for name, text in {**LOADED, **change}.items() if text is not None}
    finding = only(check_virtual_camera(Machine(root=tree(files), platform="linux")))
    assert finding.status == status
    assert said in finding.said
    assert finding.remedy.startswith("sudo modprobe -r v4l2loopback")


def test_a_forbidden_virtual_camera_names_the_group(tree: Tree) -> None:
    machine = Machine(root=tree(LOADED), platform="linux", may_access=lambda path, mode: False)
    finding = only(check_virtual_camera(machine))
    assert finding.status == "fail"
    assert "/dev/video4" in finding.said
    assert "usermod -aG video" in finding.remedy


@pytest.mark.parametrize(
    ("platform", "file"),
    [("darwin", "Applications/OBS.app/x"), ("win32", "Program Files/obs-studio/x")],
)
def test_elsewhere_the_virtual_camera_is_that_of_obs(tree: Tree, platform: str, file: str) -> None:
    bare = only(check_virtual_camera(Machine(root=tree({}), platform=platform)))
    assert bare.status == "warn"
    assert "obsproject.com" in bare.remedy
    with_obs = only(check_virtual_camera(Machine(root=tree({file: ""}), platform=platform)))
    assert with_obs.status == "ok"


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


def test_cameras_are_listed_with_what_keeps_them_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    cameras = [
        CameraDevice("usb-1", "/dev/video0", 0, "Desk"),
        CameraDevice("usb-2", "/dev/video2", 2, "Busy", problem="it is in use; close it there"),
        CameraDevice("loop", "/dev/video4", 4, "Loop", virtual=True),
    ]
    monkeypatch.setattr(video, "list_cameras", lambda: cameras)
    assert check_cameras(Machine()) == [
        Finding("camera", "ok", "/dev/video0: Desk, 0 modes"),
        Finding("camera", "fail", "it is in use", "close it there"),
        Finding("camera", "ok", "/dev/video4: Loop, a virtual camera"),
    ]


def test_no_camera_says_how_to_do_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video, "list_cameras", list)
    finding = only(check_cameras(Machine()))
    assert finding.status == "warn"
    assert "--camera VIDEO" in finding.remedy
