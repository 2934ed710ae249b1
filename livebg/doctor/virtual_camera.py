"""The virtual camera of a machine: whether it works, and the steps that set it up or remove it.

On Linux it is v4l2loopback, a kernel module; elsewhere it is OBS Studio's.
"""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from livebg.doctor.findings import Finding, Machine
from livebg.platform.linux.procfs import find_holders

__all__ = [
    "LoopbackModule",
    "Step",
    "advice",
    "check_secure_boot",
    "check_virtual_camera",
    "find_module",
    "plan_removal",
    "plan_setup",
]

_TOPIC = "virtual camera"
_OPTIONS = "exclusive_caps=1 card_label=livebg"
_FILES = {
    "etc/modules-load.d/livebg.conf": ("load it at every start of the computer", "v4l2loopback"),
    "etc/modprobe.d/livebg.conf": ("give it its options then", f"options v4l2loopback {_OPTIONS}"),
}
_SECURE_BOOT = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
_CERTIFICATES = (
    "var/lib/shim-signed/mok/MOK.der",  # Ubuntu
    "var/lib/dkms/mok.pub",  # Debian and others with DKMS
    "etc/pki/akmods/certs/public_key.der",  # Fedora
)
"""Keys with which distributions sign the modules that are built on the machine."""

_INSTALL_COMMANDS = {
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
"""What root runs to install the kernel module, by family of distributions."""


@dataclass(frozen=True, slots=True)
class LoopbackModule:
    """The state of v4l2loopback on a machine.

    Attributes:
        installed: whether the running kernel has the module.
        loaded: whether it is loaded.
        version: its version; empty if unknown.
        exclusive: whether a device offers itself either as a camera or as an output; browsers
            list no other.
        devices: nodes of its devices.
    """

    installed: bool
    loaded: bool
    version: str = ""
    exclusive: bool = True
    devices: tuple[Path, ...] = ()

    @property
    def usable(self) -> bool:
        """True if apps can be given a virtual camera without any change to the system."""
        return self.loaded and self.exclusive and bool(self.devices)

    def __str__(self) -> str:
        return f"v4l2loopback {self.version}".strip()


def find_module(machine: Machine) -> LoopbackModule:
    """Return the state of v4l2loopback; on Linux only."""
    from livebg.platform.linux.v4l2loopback import loopback_paths

    # The module tells its version from 0.13 on; before that the name of its source does.
    version = machine.read("sys/module/v4l2loopback/version")
    sources = [path.name for path in (machine.root / "usr/src").glob("v4l2loopback-*")]
    if not version and len(sources) == 1:
        version = sources[0].removeprefix("v4l2loopback-")
    if not (machine.root / "sys/module/v4l2loopback").is_dir():
        modules = machine.root / "lib/modules" / machine.kernel
        return LoopbackModule(any(modules.rglob("v4l2loopback.ko*")), loaded=False, version=version)
    exclusive = machine.read("sys/module/v4l2loopback/parameters/exclusive_caps")
    nodes = loopback_paths(machine.root / "sys/class/video4linux", machine.root / "dev")
    return LoopbackModule(
        installed=True,
        loaded=True,
        version=version,
        exclusive=not exclusive or exclusive.startswith("Y"),
        devices=tuple(map(Path, nodes)),
    )


def check_virtual_camera(machine: Machine) -> list[Finding]:
    """Say whether calling programs can be given a virtual camera."""
    if machine.platform == "linux":
        return [_check_loopback(machine)]
    folder = "Applications/OBS.app" if machine.platform == "darwin" else "Program Files/obs-studio"
    if (machine.root / folder).exists():
        return [Finding(_TOPIC, "ok", "OBS is here, its virtual camera can be used")]
    remedy = "install OBS Studio from https://obsproject.com and start its virtual camera once"
    return [Finding(_TOPIC, "warn", "OBS is not here, so there is none", remedy)]


def _check_loopback(machine: Machine) -> Finding:
    from livebg.platform.linux.v4l2loopback import LOAD_COMMAND, RELOAD_COMMAND

    module = find_module(machine)
    if not module.installed:
        said = "v4l2loopback, the kernel module of virtual cameras, is not installed"
        return Finding(_TOPIC, "warn", said, "livebg setup virtual-camera --apply")
    if not module.loaded:
        return Finding(_TOPIC, "warn", f"{module} is installed but not loaded", LOAD_COMMAND)
    if not module.devices:
        return Finding(_TOPIC, "fail", f"{module} is loaded without a device", RELOAD_COMMAND)
    shown = ", ".join(_described(machine, device) for device in module.devices)
    if not _may_open(machine, module):
        remedy = "sudo usermod -aG video $USER, then log in again"
        return Finding(_TOPIC, "fail", f"{module}: you may not open {shown}", remedy)
    if not module.exclusive:
        said = f"{module} is loaded without exclusive_caps=1, browsers will not list {shown}"
        return Finding(_TOPIC, "warn", said, RELOAD_COMMAND)
    return Finding(_TOPIC, "ok", f"{module} with exclusive_caps=1 at {shown}")


def _described(machine: Machine, device: Path) -> str:
    """Return a device with its name, and the programs that have it open."""
    name = machine.read(f"sys/class/video4linux/{device.name}/name")
    words = f"/dev/{device.name} ({name})"
    users = find_holders([device], machine.root / "proc").others
    return f"{words}, open in {' and '.join(map(str, users))}" if users else words


def _may_open(machine: Machine, module: LoopbackModule) -> bool:
    return any(machine.may_access(device, os.R_OK | os.W_OK) for device in module.devices)


def check_secure_boot(machine: Machine) -> list[Finding]:
    """Say whether Secure Boot keeps the kernel from loading v4l2loopback."""
    topic = "Secure Boot"
    if machine.platform != "linux" or not (machine.root / _SECURE_BOOT).exists():
        return []
    if not _is_secure_boot_on(machine):
        return [Finding(topic, "ok", "is off")]
    if find_module(machine).loaded:
        return [Finding(topic, "ok", "is on, and v4l2loopback is loaded all the same")]
    said = "is on: the kernel refuses v4l2loopback until the key it is signed with is enrolled"
    remedy = f"{_enrol_command(machine)}, then restart, and choose Enroll MOK in the blue menu"
    return [Finding(topic, "warn", said, remedy)]


def _is_secure_boot_on(machine: Machine) -> bool:
    try:
        return (machine.root / _SECURE_BOOT).read_bytes()[-1:] == b"\1"
    except OSError:
        return False


def _enrol_command(machine: Machine) -> str:
    """Return the command that makes the firmware trust the key of v4l2loopback."""
    here = (name for name in _CERTIFICATES if (machine.root / name).exists())
    return f"sudo mokutil --import /{next(here, _CERTIFICATES[1])}"


@dataclass(frozen=True, slots=True)
class Step:
    """A change to the system, made by root.

    Attributes:
        meaning: what it is for, in a few words.
        command: a line for a shell; for a file, its content.
        file: the file to write; empty for a command.
    """

    meaning: str
    command: str
    file: str = ""

    @property
    def shown(self) -> str:
        """The line that an ordinary user types."""
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
    """Return the steps that are missing, in order; none if everything is in place."""
    module = find_module(machine)
    steps = []
    if not module.installed:
        commands = _INSTALL_COMMANDS.get(_family(machine), ())
        steps += [Step("install the kernel module", command) for command in commands]
    if module.loaded and not module.usable:
        steps.append(Step("unload it, it has the wrong options", "modprobe -r v4l2loopback"))
    if not module.usable:
        command = f"modprobe v4l2loopback {_OPTIONS}"
        steps.append(Step("load it, as a camera called livebg", command))
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
    """Return what the user has to do besides the steps of a setup, each as a sentence."""
    module = find_module(machine)
    said = []
    if not module.installed and not _family(machine):
        said.append(
            "This distribution is not known here: install v4l2loopback with its package manager "
            "first, then run this again."
        )
    if not module.installed and not (machine.root / "lib/modules" / machine.kernel).is_dir():
        said.append(
            f"There are no modules for the running kernel {machine.kernel}: in a container, do "
            "this on the host; after an update of the kernel, restart first."
        )
    if not module.loaded and _is_secure_boot_on(machine):
        said.append(
            "Secure Boot is on, so the kernel refuses the module until its key is enrolled: run "
            f"`{_enrol_command(machine)}` after the installation, choose a password, restart, and "
            "select Enroll MOK in the blue menu. Then run this again."
        )
    return said


def _family(machine: Machine) -> str:
    """Return the machine's key of ``_INSTALL_COMMANDS`` by ``/etc/os-release``, empty if none."""
    lines = machine.read("etc/os-release").splitlines()
    facts = dict(line.partition("=")[::2] for line in lines)
    names = f"{facts.get('ID', '')} {facts.get('ID_LIKE', '')}".replace("ubuntu", "debian")
    kinds = names.replace('"', "").split()
    return next((key for kind in kinds for key in _INSTALL_COMMANDS if key in kind), "")


def _is_configured(machine: Machine) -> bool:
    """Whether the module is loaded with options at every start, by our files or by others."""
    return all(
        any(
            "v4l2loopback" in machine.read(str(path.relative_to(machine.root)))
            for path in (machine.root / name).parent.glob("*.conf")
        )
        for name in _FILES
    )
