"""Checks of where pictures come from and go to: cameras, virtual cameras, the display."""

from __future__ import annotations

import os

from livebg.doctor.finding import Finding, Machine
from livebg.source.devices import list_cameras

__all__ = ["check_cameras", "check_display", "check_virtual_camera"]

_RELOAD = (
    "sudo modprobe -r v4l2loopback; sudo modprobe v4l2loopback exclusive_caps=1 card_label=livebg"
)
_LOAD = "sudo modprobe v4l2loopback exclusive_caps=1 card_label=livebg"

_INSTALL = {
    "debian": "sudo apt install v4l2loopback-dkms",
    "fedora": "sudo dnf install akmod-v4l2loopback  # from RPM Fusion",
    "arch": "sudo pacman -S v4l2loopback-dkms",
    "suse": "sudo zypper install v4l2loopback-kmp-default",
}
"""By the ``ID`` or ``ID_LIKE`` of ``/etc/os-release``."""

_OBS = "install OBS Studio from https://obsproject.com and start its virtual camera once"


def check_cameras(machine: Machine) -> list[Finding]:
    """Say which cameras there are, and what keeps each from being opened."""
    cameras = list_cameras()
    if not cameras:
        return [
            Finding(
                "camera",
                "warn",
                "there is none",
                "plug one in, or pretend with `livebg run --camera VIDEO`",
            )
        ]
    findings = []
    for camera in cameras:
        kind = "a virtual camera" if camera.virtual else f"{len(camera.modes)} modes"
        if camera.problem:
            said, _, remedy = camera.problem.partition("; ")
            findings.append(Finding("camera", "fail", said, remedy))
        else:
            findings.append(Finding("camera", "ok", f"{camera.path}: {camera.name}, {kind}"))
    return findings


def check_virtual_camera(machine: Machine) -> list[Finding]:
    """Say whether calling programs can be given a virtual camera."""
    if machine.platform == "linux":
        return [_check_loopback(machine)]
    if machine.platform == "darwin":
        obs = machine.root / "Applications/OBS.app"
    else:
        obs = machine.root / "Program Files/obs-studio"
    if obs.exists():
        return [Finding("virtual camera", "ok", "OBS is here, its virtual camera can be used")]
    return [Finding("virtual camera", "warn", "OBS is not here, so there is none", _OBS)]


def check_display(machine: Machine) -> list[Finding]:
    """Say whether a preview window can be opened."""
    import cv2

    if not cv2.currentUIFramework():
        return [
            Finding(
                "window",
                "warn",
                f"OpenCV {cv2.__version__} was built without windows",
                "pip uninstall -y opencv-python-headless && "
                "pip install --force-reinstall opencv-python",
            )
        ]
    shown = {name: machine.environment.get(name) for name in ("WAYLAND_DISPLAY", "DISPLAY")}
    if machine.platform != "linux" or any(shown.values()):
        name = next((f" {value}" for value in shown.values() if value), "")
        return [Finding("window", "ok", f"there is a display{name}")]
    return [
        Finding(
            "window",
            "warn",
            "there is no display, so no preview window",
            "log in to a desktop (or `ssh -X`); recording and virtual camera need none",
        )
    ]


def _check_loopback(machine: Machine) -> Finding:
    module = machine.root / "sys/module/v4l2loopback"
    if not module.is_dir():
        return _unloaded(machine)
    version = machine.read("sys/module/v4l2loopback/version")
    nodes = (machine.root / "sys/devices/virtual/video4linux").glob("video*")
    devices = sorted(machine.root / "dev" / node.name for node in nodes)
    named = f"v4l2loopback {version}".strip()
    if not devices:
        return Finding("virtual camera", "fail", f"{named} is loaded without a device", _RELOAD)
    shown = ", ".join(f"/dev/{device.name}" for device in devices)
    if not any(machine.may_access(device, os.R_OK | os.W_OK) for device in devices):
        return Finding(
            "virtual camera",
            "fail",
            f"{named}: you may not open {shown}",
            "sudo usermod -aG video $USER, then log in again",
        )
    exclusive = machine.read("sys/module/v4l2loopback/parameters/exclusive_caps")
    if exclusive and not exclusive.startswith("Y"):
        return Finding(
            "virtual camera",
            "warn",
            f"{named} is loaded without exclusive_caps=1, browsers will not list {shown}",
            _RELOAD,
        )
    return Finding("virtual camera", "ok", f"{named} at {shown}")


def _unloaded(machine: Machine) -> Finding:
    modules = machine.root / "lib/modules" / machine.kernel
    if any(modules.rglob("v4l2loopback.ko*")):
        return Finding("virtual camera", "warn", "v4l2loopback is installed but not loaded", _LOAD)
    return Finding(
        "virtual camera",
        "warn",
        "v4l2loopback, which makes virtual cameras, is not installed",
        f"{_install_command(machine)} && {_LOAD}",
    )


def _install_command(machine: Machine) -> str:
    lines = machine.read("etc/os-release").splitlines()
    facts = dict(line.partition("=")[::2] for line in lines)
    kinds = f"{facts.get('ID', '')} {facts.get('ID_LIKE', '')}".replace('"', "").split()
    known = (command for kind in kinds for name, command in _INSTALL.items() if name in kind)
    return next(known, _INSTALL["debian"])
