"""Whether v4l2loopback, the kernel module of virtual cameras, is there and well set up.

Whether Secure Boot keeps the kernel from loading a module that was built on this machine.

What a Linux machine still needs for a virtual camera, and how to take it away again.

Whether PipeWire runs, through which sandboxed apps and newer browsers reach cameras.
"""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from livebg.doctor.findings import INSTALL_COMMANDS, Finding, Machine, find_family
from livebg.platform.linux.procfs import find_holders
from livebg.platform.linux.v4l2loopback import LOAD_COMMAND, RELOAD_COMMAND, loopback_paths

__all__ = [
    "LoopbackModule",
    "Step",
    "advice",
    "check_pipewire",
    "check_secure_boot",
    "check_virtual_camera",
    "enrol_command",
    "find_module",
    "is_secure_boot_on",
    "plan_removal",
    "plan_setup",
]


_TOPIC = "virtual camera"
_SET_UP = "livebg setup virtual-camera --apply"
_OBS = "install OBS Studio from https://obsproject.com and start its virtual camera once"


@dataclass(frozen=True, slots=True)
class LoopbackModule:
    """The state of v4l2loopback on a machine.

    Attributes:
        installed: whether the running kernel has the module.
        loaded: whether it is loaded.
        version: which one, empty where it cannot be told.
        exclusive: whether devices show themselves either as a camera or as an output, which
            browsers insist upon.
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
    """Return the state of v4l2loopback."""
    version = _version(machine)
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
    if machine.platform == "darwin":
        obs = machine.root / "Applications/OBS.app"
    else:
        obs = machine.root / "Program Files/obs-studio"
    if obs.exists():
        return [Finding(_TOPIC, "ok", "OBS is here, its virtual camera can be used")]
    return [Finding(_TOPIC, "warn", "OBS is not here, so there is none", _OBS)]


def _check_loopback(machine: Machine) -> Finding:
    module = find_module(machine)
    if not module.installed:
        said = "v4l2loopback, the kernel module of virtual cameras, is not installed"
        return Finding(_TOPIC, "warn", said, _SET_UP)
    if not module.loaded:
        return Finding(_TOPIC, "warn", f"{module} is installed but not loaded", LOAD_COMMAND)
    if not module.devices:
        return Finding(_TOPIC, "fail", f"{module} is loaded without a device", RELOAD_COMMAND)
    shown = ", ".join(_described(machine, device) for device in module.devices)
    if not any(machine.may_access(device, os.R_OK | os.W_OK) for device in module.devices):
        return Finding(
            _TOPIC,
            "fail",
            f"{module}: you may not open {shown}",
            "sudo usermod -aG video $USER, then log in again",
        )
    if not module.exclusive:
        return Finding(
            _TOPIC,
            "warn",
            f"{module} is loaded without exclusive_caps=1, browsers will not list {shown}",
            RELOAD_COMMAND,
        )
    return Finding(_TOPIC, "ok", f"{module} with exclusive_caps=1 at {shown}")


def _described(machine: Machine, device: Path) -> str:
    """Return a device with its name, and who has it open now."""
    name = machine.read(f"sys/class/video4linux/{device.name}/name")
    words = f"/dev/{device.name} ({name})"
    users = find_holders([device], machine.root / "proc").others
    return f"{words}, open in {' and '.join(map(str, users))}" if users else words


def _version(machine: Machine) -> str:
    """Return the module's version: it tells its own from 0.13 on, before that its source does."""
    told = machine.read("sys/module/v4l2loopback/version")
    sources = [path.name for path in (machine.root / "usr/src").glob("v4l2loopback-*")]
    if told or len(sources) != 1:
        return told
    return sources[0].removeprefix("v4l2loopback-")


_VARIABLE = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"

_CERTIFICATES = (
    "var/lib/shim-signed/mok/MOK.der",  # Ubuntu
    "var/lib/dkms/mok.pub",  # Debian and others with DKMS
    "etc/pki/akmods/certs/public_key.der",  # Fedora
)
"""Where distributions keep the key that they sign modules with which are built on the machine."""


def is_secure_boot_on(machine: Machine) -> bool:
    """Whether the firmware tells so: the last byte of its variable is 1."""
    try:
        return (machine.root / _VARIABLE).read_bytes()[-1:] == b"\1"
    except OSError:
        return False


def enrol_command(machine: Machine) -> str:
    """Return what makes the firmware trust the key that v4l2loopback is signed with."""
    here = (name for name in _CERTIFICATES if (machine.root / name).exists())
    return f"sudo mokutil --import /{next(here, _CERTIFICATES[1])}"


def check_secure_boot(machine: Machine) -> list[Finding]:
    """Say whether Secure Boot is on, and what lets it accept v4l2loopback."""
    if machine.platform != "linux" or not (machine.root / _VARIABLE).exists():
        return []
    if not is_secure_boot_on(machine):
        return [Finding("Secure Boot", "ok", "is off")]
    if find_module(machine).loaded:
        return [Finding("Secure Boot", "ok", "is on, and v4l2loopback is loaded all the same")]
    return [
        Finding(
            "Secure Boot",
            "warn",
            "is on: the kernel refuses v4l2loopback until the key it is signed with is enrolled",
            f"{enrol_command(machine)}, then restart, and choose Enroll MOK in the blue menu",
        )
    ]


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


_PIPEWIRE_TOPIC = "PipeWire"
_MANAGERS = ("wireplumber", "pipewire-media-session")


def check_pipewire(machine: Machine) -> list[Finding]:
    """Say whether PipeWire and the session manager that it needs run for this user."""
    if machine.platform != "linux":
        return []
    running = _programs(machine)
    runtime_folder = machine.environment.get("XDG_RUNTIME_DIR", "").lstrip("/")
    socket = machine.root / runtime_folder / "pipewire-0"
    if "pipewire" not in running or not (runtime_folder and socket.exists()):
        return [
            Finding(
                _PIPEWIRE_TOPIC,
                "warn",
                "does not run; only Flatpak apps and `--virtual-camera pipewire` need it",
                "systemctl --user enable --now pipewire wireplumber",
            )
        ]
    manager = next((name for name in _MANAGERS if name in running), None)
    if manager is None:
        return [
            Finding(
                _PIPEWIRE_TOPIC,
                "warn",
                "runs without a session manager, apps find no cameras through it",
                "systemctl --user enable --now wireplumber",
            )
        ]
    return [Finding(_PIPEWIRE_TOPIC, "ok", f"runs, with {manager}")]


def _programs(machine: Machine) -> set[str]:
    """Return the names of all processes, which the kernel cuts off after 15 letters."""
    names = (_name(path) for path in (machine.root / "proc").glob("[0-9]*/comm"))
    whole = {name[:15]: name for name in ("pipewire", *_MANAGERS)}
    return {whole.get(name, name) for name in names}


def _name(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:  # it ended a moment ago
        return ""
