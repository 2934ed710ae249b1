"""Whether v4l2loopback, the kernel module of virtual cameras, is there and well set up."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from livebg.doctor.finding import Finding, Machine
from livebg.open_files import find_holders
from livebg.sink.loopback_device import LOAD_COMMAND, RELOAD_COMMAND, loopback_paths

__all__ = ["LoopbackModule", "check_virtual_camera", "find_module"]

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
