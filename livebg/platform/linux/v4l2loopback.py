"""Devices of v4l2loopback, the kernel's virtual cameras: listing, choosing, writing. Linux only."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from livebg.errors import SinkUnavailableError
from livebg.platform.linux.procfs import Holder, find_holders
from livebg.platform.linux.v4l2 import (
    Ioctl,
    open_node,
    opened_node,
    query_capability,
    set_output_rate,
    start_output,
)

__all__ = [
    "LOAD_COMMAND",
    "RELOAD_COMMAND",
    "LoopbackDevice",
    "WriterHandle",
    "choose_loopback",
    "list_loopbacks",
    "loopback_paths",
]

LOAD_COMMAND = "sudo modprobe v4l2loopback exclusive_caps=1 card_label=livebg"
RELOAD_COMMAND = f"sudo modprobe -r v4l2loopback && {LOAD_COMMAND}"

_TWO_COMMAND = (
    "sudo modprobe -r v4l2loopback && sudo modprobe v4l2loopback devices=2 exclusive_caps=1,1 "
    "card_label=livebg,livebg-2"
)

_SYS_FOLDER = Path("/sys/class/video4linux")
_DEV_FOLDER = Path("/dev")
_PROC = Path("/proc")
_OWN_NAME = "livebg"
_NONE = "v4l2loopback is not loaded; `livebg setup virtual-camera` shows how to get one"


@dataclass(frozen=True, slots=True)
class LoopbackDevice:
    """A device that one program writes to and others read like a camera.

    Attributes:
        path: ``/dev/videoN``.
        name: the name that apps show.
        captures: whether it offers itself as a camera.
        outputs: whether it offers itself to a writer.
        holders: the other processes that have it open, as far as they are visible.
        ours: whether this process has it open: it is the camera that is filtered.
        problem: why it cannot be opened, as a sentence; empty when it can.
    """

    path: str
    name: str
    captures: bool = False
    outputs: bool = False
    holders: tuple[Holder, ...] = ()
    ours: bool = False
    problem: str = ""

    def __str__(self) -> str:
        return f"{self.path} ({self.name})"

    @property
    def obstacle(self) -> str:
        """Why it takes no writer, as a sentence; empty when it does.

        A device that is neither a camera nor an output was left so by v4l2loopback 0.12, and
        `WriterHandle` mends it.
        """
        if self.problem:
            return self.problem
        if self.ours:
            return f"{self} is the camera that is filtered; name another one"
        if self.captures and not self.outputs:
            users = ", ".join(map(str, self.holders)) or "another user's program"
            return (
                f"{self} is in use by {users}; close it there, or name another device with "
                "--virtual-camera DEVICE"
            )
        return ""


def loopback_paths(sys_folder: Path = _SYS_FOLDER, dev_folder: Path = _DEV_FOLDER) -> list[str]:
    """Return the nodes of v4l2loopback's devices in the order of their numbers, opening none."""
    # Of all drivers only v4l2loopback has this attribute.
    marks = sys_folder.glob("video*/max_openers")
    numbers = sorted(int(mark.parent.name.removeprefix("video")) for mark in marks)
    return [str(dev_folder / f"video{number}") for number in numbers]


def list_loopbacks(
    sys_folder: Path = _SYS_FOLDER,
    dev_folder: Path = _DEV_FOLDER,
    ioctl: Ioctl = fcntl.ioctl,
    proc: Path = _PROC,
) -> list[LoopbackDevice]:
    """Return the devices of v4l2loopback in the order of their numbers."""
    paths = loopback_paths(sys_folder, dev_folder)
    return [_describe(sys_folder / Path(path).name, path, ioctl, proc) for path in paths]


def choose_loopback(selector: str | None, devices: Sequence[LoopbackDevice]) -> LoopbackDevice:
    """Return the device that ``selector`` names, or the first free one.

    Args:
        selector: a path, a number, or a part of the name in upper or lower case; None takes a free
            device, preferably one called "livebg".
        devices: the ones to choose from.

    Raises:
        SinkUnavailableError: there is no such device, or it takes no writer; says what to do.
    """
    if selector is None:
        return _first_free(devices)
    found = _named(selector, devices)
    if found.obstacle:
        raise SinkUnavailableError(found.obstacle)
    return found


def _first_free(devices: Sequence[LoopbackDevice]) -> LoopbackDevice:
    if not devices:
        raise SinkUnavailableError(f"there is no virtual camera: {_NONE}")
    free = [device for device in devices if not device.obstacle and not device.holders]
    if free:
        return min(free, key=lambda device: _OWN_NAME not in device.name.casefold())
    reasons = "; ".join(_why_not_free(device) for device in devices)
    raise SinkUnavailableError(f"no virtual camera is free: {reasons}; `{_TWO_COMMAND}` makes two")


def _why_not_free(device: LoopbackDevice) -> str:
    users = ", ".join(map(str, device.holders))
    if device.problem or device.ours or not users:
        return device.obstacle
    return f"{device} is in use by {users}"


def _named(selector: str, devices: Sequence[LoopbackDevice]) -> LoopbackDevice:
    path = f"/dev/video{selector}" if selector.isdecimal() else selector
    real = os.path.realpath(path)
    for device in devices:
        if path == device.path or real == os.path.realpath(device.path):
            return device
    for device in devices:
        if selector.casefold() in device.name.casefold():
            return device
    there = ", ".join(map(str, devices))
    raise SinkUnavailableError(
        f"there is no virtual camera {selector}: the devices of v4l2loopback are {there}"
        if devices
        else f"there is no virtual camera {selector}: {_NONE}"
    )


def _describe(node: Path, path: str, ioctl: Ioctl, proc: Path) -> LoopbackDevice:
    name = (node / "name").read_text(encoding="utf-8", errors="replace").strip()
    try:
        with opened_node(path) as descriptor:
            capability = query_capability(descriptor, ioctl)
    except OSError as error:
        return LoopbackDevice(path, name, problem=_open_problem(f"{path} ({name})", error))
    held = find_holders([path], proc)
    return LoopbackDevice(
        path=path,
        name=capability.card,
        captures=capability.captures,
        outputs=capability.outputs,
        holders=held.others,
        ours=held.own_files > 0,
    )


def _open_problem(device: str, error: OSError) -> str:
    if error.errno in (errno.EACCES, errno.EPERM):
        return (
            f"you may not open {device}; join its group with `sudo usermod -aG video $USER` and "
            "log in again"
        )
    return f"{device} cannot be opened ({error.strerror}); load its module again: {RELOAD_COMMAND}"


class WriterHandle:
    """A second open file of a device, beside that of the program that writes pictures to it.

    v4l2loopback 0.12 with ``exclusive_caps=1`` forgets that a device is an output when a program
    that only writes pictures closes it, or is killed, and refuses the next writer until the module
    is loaded again. It remembers when a file that has started streaming output is closed, which is
    this file. Later versions do not need it and are not harmed.

    Args:
        path: the device; no other program may write to it.
        fps: frames per second that readers are told.

    Raises:
        OSError: the device cannot be opened, or it is none.
    """

    def __init__(self, path: str, fps: float, ioctl: Ioctl = fcntl.ioctl) -> None:
        self._ioctl = ioctl
        with opened_node(path) as descriptor:
            # An earlier program without such a handle may have left it in that state.
            if not query_capability(descriptor, ioctl).outputs:
                self._start_output(descriptor)
        self.descriptor = open_node(path)
        with contextlib.suppress(OSError):  # readers then see the driver's 30 frames a second
            set_output_rate(self.descriptor, fps, ioctl)

    def start_output(self) -> None:
        """Start streaming output; sooner than the writer opened it, this would take its place."""
        self._start_output(self.descriptor)

    def close(self) -> None:
        """Close the file; to be called after the writer has closed its own. Once."""
        os.close(self.descriptor)

    def _start_output(self, descriptor: int) -> None:
        # Refused where there is no format yet, which has the same effect, and by later versions.
        with contextlib.suppress(OSError):
            start_output(descriptor, self._ioctl)
