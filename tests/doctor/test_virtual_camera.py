from __future__ import annotations

from pathlib import Path

import pytest

from livebg.doctor.findings import Finding, Machine, Status
from livebg.doctor.virtual_camera import (
    Step,
    advice,
    check_secure_boot,
    check_virtual_camera,
    find_module,
    plan_removal,
    plan_setup,
)
from tests.support.device_trees import LOADED, holding, linux, only

INSTALLED = {
    "lib/modules/6.1.0/updates/dkms/v4l2loopback.ko.xz": "",
    "usr/src/v4l2loopback-0.12.7/v4l2loopback.c": "",
}
CONFIGURED = {
    "etc/modules-load.d/livebg.conf": "v4l2loopback\n",
    "etc/modprobe.d/livebg.conf": "options v4l2loopback exclusive_caps=1 card_label=livebg\n",
}
LOAD = "sudo modprobe v4l2loopback exclusive_caps=1 card_label=livebg"
UNLOAD = "sudo modprobe -r v4l2loopback"
WORKS = "v4l2loopback 0.15.0 with exclusive_caps=1 at /dev/video4 (livebg)"
CONFIGURE = [
    "echo v4l2loopback | sudo tee /etc/modules-load.d/livebg.conf",
    "echo 'options v4l2loopback exclusive_caps=1 card_label=livebg' "
    "| sudo tee /etc/modprobe.d/livebg.conf",
]


def shown(steps: list[Step]) -> list[str]:
    return [step.shown for step in steps]


@pytest.mark.parametrize(
    ("files", "forbidden", "status", "said", "remedy", "steps"),
    [
        (
            {"lib/modules/6.2.0/v4l2loopback.ko": ""},  # another kernel's
            False,
            "warn",
            "v4l2loopback, the kernel module of virtual cameras, is not installed",
            "livebg setup virtual-camera --apply",
            [LOAD, *CONFIGURE],
        ),
        (
            INSTALLED,
            False,
            "warn",
            "v4l2loopback 0.12.7 is installed but not loaded",
            LOAD,
            [LOAD, *CONFIGURE],
        ),
        (LOADED, False, "ok", WORKS, "", CONFIGURE),
        ({**LOADED, **CONFIGURED}, False, "ok", WORKS, "", []),
        (
            {**LOADED, **CONFIGURED, "sys/module/v4l2loopback/parameters/exclusive_caps": "N,N"},
            False,
            "warn",
            "v4l2loopback 0.15.0 is loaded without exclusive_caps=1, browsers will not list "
            "/dev/video4 (livebg)",
            f"{UNLOAD} && {LOAD}",
            [UNLOAD, LOAD],
        ),
        (
            {**LOADED, **CONFIGURED, "sys/class/video4linux/video4/max_openers": None},
            False,
            "fail",
            "v4l2loopback 0.15.0 is loaded without a device",
            f"{UNLOAD} && {LOAD}",
            [UNLOAD, LOAD],
        ),
        (
            {**LOADED, **CONFIGURED},
            True,
            "fail",
            "v4l2loopback 0.15.0: you may not open /dev/video4 (livebg)",
            "sudo usermod -aG video $USER, then log in again",
            ['sudo usermod -aG video "$USER"'],
        ),
    ],
)
def test_what_is_wrong_is_said_and_mended(
    tmp_path: Path,
    files: dict[str, str | None],
    forbidden: bool,
    status: Status,
    said: str,
    remedy: str,
    steps: list[str],
) -> None:
    def may_access(path: Path, mode: int) -> bool:
        return not forbidden

    machine = linux(tmp_path, files, may_access=may_access)
    assert check_virtual_camera(machine) == [Finding("virtual camera", status, said, remedy)]
    assert shown(plan_setup(machine)) == steps
    assert find_module(machine).usable == (said == WORKS or forbidden)


def test_a_program_that_has_the_virtual_camera_open_is_named(tmp_path: Path) -> None:
    machine = holding(linux(tmp_path, LOADED), "chrome", "dev/video4")
    finding = only(check_virtual_camera(machine))
    assert finding.status == "ok"
    assert finding.said.endswith("/dev/video4 (livebg), open in chrome (process 30)")


def test_several_sources_leave_the_version_open(tmp_path: Path) -> None:
    sources = {f"usr/src/v4l2loopback-{version}/x": "" for version in ("0.12.7", "0.12.5")}
    machine = linux(tmp_path, {**LOADED, "sys/module/v4l2loopback/version": None, **sources})
    assert find_module(machine).version == ""
    assert str(find_module(machine)) == "v4l2loopback"


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


VARIABLE = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
ON, OFF = b"\6\0\0\0\1", b"\6\0\0\0\0"


def test_secure_boot_that_is_absent_or_off_or_passed_is_no_fault(tmp_path: Path) -> None:
    assert check_secure_boot(linux(tmp_path, {})) == []
    assert check_secure_boot(Machine(root=tmp_path, platform="darwin")) == []
    off = only(check_secure_boot(linux(tmp_path, {VARIABLE: OFF})))
    assert (off.status, off.said) == ("ok", "is off")
    loaded = only(check_secure_boot(linux(tmp_path, {VARIABLE: ON, **LOADED})))
    assert loaded.status == "ok"


@pytest.mark.parametrize(
    ("content", "certificate"),
    [
        (None, "var/lib/dkms/mok.pub"),
        ("", "var/lib/dkms/mok.pub"),
        ("", "var/lib/shim-signed/mok/MOK.der"),
        ("", "etc/pki/akmods/certs/public_key.der"),
    ],
)
def test_what_is_on_asks_for_the_key_of_the_distribution(
    tmp_path: Path, content: str | None, certificate: str
) -> None:
    finding = only(check_secure_boot(linux(tmp_path, {VARIABLE: ON, certificate: content})))
    assert finding.status == "warn"
    assert finding.remedy.startswith(f"sudo mokutil --import /{certificate}, then restart")


@pytest.mark.parametrize(
    ("release", "first"),
    [
        ("ID=debian", 'sudo apt-get install -y v4l2loopback-dkms "linux-headers-$(uname -r)"'),
        ('NAME="Ubuntu"\nID=ubuntu\nID_LIKE=debian', "sudo apt-get install"),
        ('ID=linuxmint\nID_LIKE="ubuntu debian"', "sudo apt-get install"),
        ("ID=fedora", "sudo dnf install -y https://mirrors.rpmfusion.org/free/fedora/"),
        ('ID="nobara"\nID_LIKE="rhel centos fedora"', "sudo dnf install"),
        ("ID=arch", "sudo pacman -S --needed --noconfirm v4l2loopback-dkms linux-headers"),
        ("ID=manjaro\nID_LIKE=arch", "sudo pacman"),
        ("ID=opensuse-leap\nID_LIKE=suse", "sudo zypper --non-interactive install"),
        ('ID="opensuse-tumbleweed"\nID_LIKE="opensuse suse"', "sudo zypper"),
    ],
)
def test_a_bare_machine_gets_everything(tmp_path: Path, release: str, first: str) -> None:
    machine = linux(tmp_path, {"etc/os-release": release, "lib/modules/6.1.0/modules.dep": ""})
    commands = shown(plan_setup(machine))
    assert commands[0].startswith(first)
    assert commands[-3:] == [LOAD, *CONFIGURE]
    assert advice(machine) == []


@pytest.mark.parametrize("release", ["ID=nixos", ""])
def test_an_unknown_distribution_is_told_to_install_it_itself(tmp_path: Path, release: str) -> None:
    machine = linux(tmp_path, {"etc/os-release": release, "lib/modules/6.1.0/modules.dep": ""})
    assert shown(plan_setup(machine))[0] == LOAD
    (said,) = advice(machine)
    assert "its package manager" in said


def test_a_kernel_without_modules_is_named(tmp_path: Path) -> None:
    (said,) = advice(linux(tmp_path, {"etc/os-release": "ID=debian"}))
    assert "running kernel 6.1.0: in a container, do this on the host" in said


def test_the_users_own_configuration_is_left_alone(tmp_path: Path) -> None:
    files = {
        "etc/modules-load.d/video.conf": "uvcvideo\nv4l2loopback\n",
        "etc/modprobe.d/obs.conf": "options v4l2loopback devices=2 exclusive_caps=1,1\n",
    }
    machine = linux(tmp_path, {**LOADED, **files})
    (tmp_path / "etc/modprobe.d/gone.conf").symlink_to("nowhere")
    assert plan_setup(machine) == []


def test_secure_boot_asks_for_the_key(tmp_path: Path) -> None:
    (said,) = advice(linux(tmp_path, {**INSTALLED, VARIABLE: ON}))
    assert "`sudo mokutil --import /var/lib/dkms/mok.pub`" in said
    assert "Enroll MOK" in said


def test_removal_takes_away_what_setup_made_and_no_more(tmp_path: Path) -> None:
    assert plan_removal(linux(tmp_path, {})) == []
    machine = linux(
        tmp_path,
        {**LOADED, **CONFIGURED, "etc/modprobe.d/obs.conf": "options v4l2loopback devices=2\n"},
    )
    assert shown(plan_removal(machine)) == [
        "sudo rm -f /etc/modules-load.d/livebg.conf",
        "sudo rm -f /etc/modprobe.d/livebg.conf",
        "sudo modprobe -r v4l2loopback",
    ]


def test_root_writes_a_file_itself() -> None:
    assert Step("remember", "a 'word'", "/etc/x").as_root == "echo 'a '\"'\"'word'\"'\"'' > /etc/x"
    assert Step("load", "modprobe x").as_root == "modprobe x"
