from pathlib import Path

import pytest

from livebg.doctor.loopback_setup import Step, advice, plan_removal, plan_setup
from tests.doctor.test_secure_boot import ON, VARIABLE
from tests.doctor.trees import LOADED, linux

INSTALLED = {"lib/modules/6.1.0/updates/dkms/v4l2loopback.ko.xz": ""}
CONFIGURED = {
    "etc/modules-load.d/livebg.conf": "v4l2loopback\n",
    "etc/modprobe.d/livebg.conf": "options v4l2loopback exclusive_caps=1 card_label=livebg\n",
}
LOAD = "sudo modprobe v4l2loopback exclusive_caps=1 card_label=livebg"
CONFIGURE = [
    "echo v4l2loopback | sudo tee /etc/modules-load.d/livebg.conf",
    "echo 'options v4l2loopback exclusive_caps=1 card_label=livebg' "
    "| sudo tee /etc/modprobe.d/livebg.conf",
]


def shown(steps: list[Step]) -> list[str]:
    return [step.shown for step in steps]


@pytest.mark.parametrize(
    ("release", "first"),
    [
        ("ID=debian", 'sudo apt-get install -y v4l2loopback-dkms "linux-headers-$(uname -r)"'),
        ("ID=fedora", "sudo dnf install -y https://mirrors.rpmfusion.org/free/fedora/"),
        ("ID=arch", "sudo pacman -S --needed --noconfirm v4l2loopback-dkms linux-headers"),
        ("ID=opensuse-leap\nID_LIKE=suse", "sudo zypper --non-interactive install"),
    ],
)
def test_a_bare_machine_gets_everything(tmp_path: Path, release: str, first: str) -> None:
    machine = linux(tmp_path, {"etc/os-release": release, "lib/modules/6.1.0/modules.dep": ""})
    commands = shown(plan_setup(machine))
    assert commands[0].startswith(first)
    assert commands[-3:] == [LOAD, *CONFIGURE]
    assert advice(machine) == []


def test_an_unknown_distribution_is_told_to_install_it_itself(tmp_path: Path) -> None:
    machine = linux(tmp_path, {"etc/os-release": "ID=nixos", "lib/modules/6.1.0/modules.dep": ""})
    assert shown(plan_setup(machine))[0] == LOAD
    (said,) = advice(machine)
    assert "its package manager" in said


def test_a_kernel_without_modules_is_named(tmp_path: Path) -> None:
    (said,) = advice(linux(tmp_path, {"etc/os-release": "ID=debian"}))
    assert "running kernel 6.1.0: in a container, do this on the host" in said


def test_what_is_installed_is_only_loaded(tmp_path: Path) -> None:
    assert shown(plan_setup(linux(tmp_path, INSTALLED))) == [LOAD, *CONFIGURE]


def test_what_is_loaded_is_only_configured(tmp_path: Path) -> None:
    assert shown(plan_setup(linux(tmp_path, LOADED))) == CONFIGURE


def test_what_is_complete_needs_nothing(tmp_path: Path) -> None:
    machine = linux(tmp_path, {**LOADED, **CONFIGURED})
    assert plan_setup(machine) == []
    assert advice(machine) == []


def test_the_users_own_configuration_is_left_alone(tmp_path: Path) -> None:
    files = {
        "etc/modules-load.d/video.conf": "uvcvideo\nv4l2loopback\n",
        "etc/modprobe.d/obs.conf": "options v4l2loopback devices=2 exclusive_caps=1,1\n",
    }
    machine = linux(tmp_path, {**LOADED, **files})
    (tmp_path / "etc/modprobe.d/gone.conf").symlink_to("nowhere")
    assert plan_setup(machine) == []


@pytest.mark.parametrize(
    "change",
    [
        {"sys/module/v4l2loopback/parameters/exclusive_caps": "N"},
        {"sys/class/video4linux/video4/max_openers": None},
    ],
)
def test_wrong_options_are_mended(tmp_path: Path, change: dict[str, str | None]) -> None:
    machine = linux(tmp_path, {**LOADED, **CONFIGURED, **change})
    assert shown(plan_setup(machine)) == ["sudo modprobe -r v4l2loopback", LOAD]


def test_a_forbidden_device_needs_the_group(tmp_path: Path) -> None:
    machine = linux(tmp_path, {**LOADED, **CONFIGURED}, may_access=lambda path, mode: False)
    assert shown(plan_setup(machine)) == ['sudo usermod -aG video "$USER"']


def test_secure_boot_asks_for_the_key(tmp_path: Path) -> None:
    (said,) = advice(linux(tmp_path, {**INSTALLED, VARIABLE: ON}))
    assert "`sudo mokutil --import /var/lib/dkms/mok.pub`" in said
    assert "Enroll MOK" in said


def test_removal_takes_away_what_setup_made_and_no_more(tmp_path: Path) -> None:
    machine = linux(
        tmp_path,
        {**LOADED, **CONFIGURED, "etc/modprobe.d/obs.conf": "options v4l2loopback devices=2\n"},
    )
    assert shown(plan_removal(machine)) == [
        "sudo rm -f /etc/modules-load.d/livebg.conf",
        "sudo rm -f /etc/modprobe.d/livebg.conf",
        "sudo modprobe -r v4l2loopback",
    ]


def test_nothing_is_removed_where_nothing_is(tmp_path: Path) -> None:
    assert plan_removal(linux(tmp_path, {})) == []


def test_root_writes_a_file_itself() -> None:
    assert Step("remember", "a 'word'", "/etc/x").as_root == "echo 'a '\"'\"'word'\"'\"'' > /etc/x"
    assert Step("load", "modprobe x").as_root == "modprobe x"
