"""Which family of Linux distributions a machine runs, and how its kind installs v4l2loopback."""

from __future__ import annotations

from typing import Literal

from livebg.doctor.finding import Machine

__all__ = ["INSTALL_COMMANDS", "Family", "find_family"]

Family = Literal["debian", "fedora", "arch", "suse", "unknown"]

INSTALL_COMMANDS: dict[Family, tuple[str, ...]] = {
    "debian": ('apt-get install -y v4l2loopback-dkms "linux-headers-$(uname -r)"',),
    "fedora": (
        "dnf install -y https://mirrors.rpmfusion.org/free/fedora/"
        'rpmfusion-free-release-"$(rpm -E %fedora)".noarch.rpm',
        "dnf install -y akmod-v4l2loopback",
        "akmods --force",
    ),
    "arch": ("pacman -S --needed --noconfirm v4l2loopback-dkms linux-headers",),
    "suse": ("zypper --non-interactive install v4l2loopback-kmp-default",),
}
"""What root runs to install the kernel module; a family that is unknown has no entry."""


def find_family(machine: Machine) -> Family:
    """Return the family by ``ID`` and ``ID_LIKE`` of ``/etc/os-release``."""
    lines = machine.read("etc/os-release").splitlines()
    facts = dict(line.partition("=")[::2] for line in lines)
    kinds = f"{facts.get('ID', '')} {facts.get('ID_LIKE', '')}".replace('"', "").split()
    for kind in kinds:
        for family in INSTALL_COMMANDS:
            if family in kind or (family == "debian" and kind == "ubuntu"):
                return family
    return "unknown"
