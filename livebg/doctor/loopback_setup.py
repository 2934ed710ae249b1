"""What a Linux machine still needs for a virtual camera, and how to take it away again."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass

from livebg.doctor.distribution import INSTALL_COMMANDS, find_family
from livebg.doctor.finding import Machine
from livebg.doctor.loopback import LoopbackModule, find_module
from livebg.doctor.secure_boot import enrol_command, is_secure_boot_on

__all__ = ["Step", "advice", "plan_removal", "plan_setup"]

_OPTIONS = "exclusive_caps=1 card_label=livebg"
_LOAD_FILE = "etc/modules-load.d/livebg.conf"
_OPTIONS_FILE = "etc/modprobe.d/livebg.conf"
_FILES = {
    _LOAD_FILE: ("load it at every start of the computer", "v4l2loopback"),
    _OPTIONS_FILE: ("give it its options then", f"options v4l2loopback {_OPTIONS}"),
}


@dataclass(frozen=True, slots=True)
class Step:
    """A change to the system, made by root.

    Attributes:
        meaning: what it is for, in a few words.
        command: a line for a shell; for a file, what goes into it.
        file: the file to write, or empty for a command.
    """

    meaning: str
    command: str
    file: str = ""

    @property
    def shown(self) -> str:
        """The line that a user without root's rights types."""
        if self.file:
            return f"echo {shlex.quote(self.command)} | sudo tee {self.file}"
        return f"sudo {self.command}"

    @property
    def as_root(self) -> str:
        """The line that root types."""
        if self.file:
            return f"echo {shlex.quote(self.command)} > {self.file}"
        return self.command


def plan_setup(machine: Machine) -> list[Step]:
    """Return the steps that are missing, in order; none where everything is in place."""
    module = find_module(machine)
    steps = []
    if not module.installed:
        commands = INSTALL_COMMANDS.get(find_family(machine), ())
        steps += [Step("install the kernel module", command) for command in commands]
    steps += _plan_loading(module)
    if not _is_configured(machine):
        steps += [Step(meaning, text, f"/{name}") for name, (meaning, text) in _FILES.items()]
    if module.devices and not _may_open(machine, module):
        steps.append(Step("let you open it, from your next log-in on", 'usermod -aG video "$USER"'))
    return steps


def plan_removal(machine: Machine) -> list[Step]:
    """Return the steps that undo ``plan_setup``; the package stays, as others may use it."""
    steps = [
        Step("forget it at the next start", f"rm -f /{name}")
        for name in _FILES
        if (machine.root / name).exists()
    ]
    if find_module(machine).loaded:
        steps.append(Step("unload the kernel module", "modprobe -r v4l2loopback"))
    return steps


def advice(machine: Machine) -> list[str]:
    """Return what no step of a setup can do, each as a sentence."""
    module = find_module(machine)
    said = []
    if not module.installed and find_family(machine) not in INSTALL_COMMANDS:
        said.append(
            "This distribution is not known here: install v4l2loopback with its package manager "
            "first, then run this again."
        )
    if not module.installed and not (machine.root / "lib/modules" / machine.kernel).is_dir():
        said.append(
            f"There are no modules for the running kernel {machine.kernel}: in a container, do "
            "this on the host; after an update of the kernel, restart first."
        )
    if not module.loaded and is_secure_boot_on(machine):
        said.append(
            "Secure Boot is on, so the kernel refuses the module until its key is enrolled: run "
            f"`{enrol_command(machine)}` after the installation, choose a password, restart, and "
            "select Enroll MOK in the blue menu. Then run this again."
        )
    return said


def _plan_loading(module: LoopbackModule) -> list[Step]:
    if module.usable:
        return []
    steps = []
    if module.loaded:
        steps.append(Step("unload it, it has the wrong options", "modprobe -r v4l2loopback"))
    return [*steps, Step("load it, as a camera called livebg", f"modprobe v4l2loopback {_OPTIONS}")]


def _is_configured(machine: Machine) -> bool:
    """Whether the module is loaded with options at every start, by our files or by others."""
    return all(
        any(
            "v4l2loopback" in machine.read(str(path.relative_to(machine.root)))
            for path in (machine.root / name).parent.glob("*.conf")
        )
        for name in _FILES
    )


def _may_open(machine: Machine, module: LoopbackModule) -> bool:
    return any(machine.may_access(device, os.R_OK | os.W_OK) for device in module.devices)
