"""Checks of the cameras: what each can deliver, who uses it, what keeps it closed."""

from __future__ import annotations

from livebg.doctor.findings import Finding, Machine
from livebg.platform.camera_modes import choose_mode
from livebg.platform.linux.procfs import find_holders
from livebg.sources.devices import CameraDevice, list_cameras

__all__ = ["check_cameras"]

_WANTED_FPS = 30.0
_SLOW_FPS = 20.0
_SMALL = "640x480"


def check_cameras(machine: Machine) -> list[Finding]:
    """Say which cameras there are, and what is wrong with each."""
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
    return [_examine(machine, camera) for camera in cameras]


def _examine(machine: Machine, camera: CameraDevice) -> Finding:
    named = f"{camera.path} ({camera.name})"
    if camera.problem:
        said, _, remedy = camera.problem.partition("; ")
        return Finding("camera", "fail", said, remedy)
    if camera.virtual:
        return Finding("camera", "ok", f"{named}: a virtual camera")
    users = []
    if machine.platform == "linux":
        users = [str(user) for user in find_holders([camera.path], machine.root / "proc").others]
    if users:
        return Finding(
            "camera",
            "warn",
            f"{named} is open in {' and '.join(users)}",
            "close it there, and choose the virtual camera there instead",
        )
    return _rate(camera, named)


def _rate(camera: CameraDevice, named: str) -> Finding:
    """Judge the mode that livebg would ask for."""
    mode = choose_mode(camera.modes, None, _WANTED_FPS)
    if mode is None:
        return Finding("camera", "ok", f"{named}: its modes cannot be asked for")
    compressed = any(each.fourcc == "MJPG" for each in camera.modes)
    said = f"{named}: {mode}" if compressed else f"{named}: {mode}; it has no MJPG"
    if mode.rates and mode.rates[0] < _SLOW_FPS:
        return Finding(
            "camera",
            "warn",
            f"{said}, so it is slow" if not compressed else f"{said}: it is slow",
            f"livebg run --size {_SMALL}, more light, or a faster USB port",
        )
    return Finding("camera", "ok", said)
