"""Which family of Linux distributions a machine runs, and how its kind installs v4l2loopback.

What a check looks at, and what it says.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

__all__ = ["INSTALL_COMMANDS", "Check", "Family", "Finding", "Machine", "Status", "find_family"]


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


Status = Literal["ok", "warn", "fail"]
"""``ok``: works. ``warn``: something is missing that livebg can do without. ``fail``: mend it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check found out.

    Attributes:
        topic: what it is about, in a word or two.
        status: whether it works.
        said: one sentence without a full stop.
        remedy: the command that mends it, or what to do where no command does; empty if it is ok.
    """

    topic: str
    status: Status
    said: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine that the checks look at, so that a test can describe another one.

    Attributes:
        root: folder that holds ``/dev``, ``/proc``, ``/sys``.
        platform: as ``sys.platform``.
        kernel: release of the running kernel, empty where there is none to ask.
        environment: variables of the process.
        may_access: as ``os.access``.
    """

    root: Path = Path("/")
    platform: str = sys.platform
    kernel: str = os.uname().release if hasattr(os, "uname") else ""
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    may_access: Callable[[Path, int], bool] = os.access

    def read(self, path: str) -> str:
        """Return the text of a file below ``root`` without white space around, empty if none."""
        try:
            return (self.root / path).read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            return ""


Check = Callable[[Machine], list[Finding]]
"""A check never raises for what it may find on a machine: that is what findings are for."""
