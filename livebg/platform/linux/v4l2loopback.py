"""The devices of v4l2loopback, and which of them to feed. Linux only.

A second file on a device of v4l2loopback, which keeps it fit to be fed. Linux only.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from livebg.errors import SinkUnavailableError
from livebg.platform.linux.procfs import Holder, find_holders
from livebg.platform.linux.v4l2 import (
    BUFFER_OUTPUT,
    READ_WRITE,
    WRITE,
    Capability,
    Ioctl,
    query_capability,
    request_number,
)

__all__ = [
    "LOAD_COMMAND",
    "RELOAD_COMMAND",
    "LoopbackClaim",
    "LoopbackDevice",
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
    """A device that one program feeds and others read like a camera.

    Attributes:
        path: ``/dev/videoN``.
        name: what apps call it.
        captures: whether it shows itself as a camera.
        outputs: whether it shows itself as something that can be fed.
        holders: the other programs that have it open, as far as they may be seen.
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

    @property
    def obstacle(self) -> str:
        """Why it cannot be fed, as a sentence; empty when it can.

        A device that is neither a camera nor can be fed was left so by v4l2loopback 0.12, which
        can be mended.
        """
        if self.problem:
            return self.problem
        if self.ours:
            return f"{self.path} ({self.name}) is the camera that is filtered; feed another one"
        if self.captures and not self.outputs:
            users = ", ".join(map(str, self.holders)) or "another user's program"
            return (
                f"{self.path} ({self.name}) is in use by {users}; close it there, or name another "
                "device with --virtual-camera DEVICE"
            )
        return ""


def loopback_paths(sys_folder: Path = _SYS_FOLDER, dev_folder: Path = _DEV_FOLDER) -> list[str]:
    """Return the nodes of v4l2loopback's devices in the order of their numbers, opening none.

    Args:
        sys_folder: where the kernel lists its video nodes.
        dev_folder: where they can be opened.
    """
    # No other driver limits how often a device may be opened.
    marks = sys_folder.glob("video*/max_openers")
    numbers = sorted(int(mark.parent.name.removeprefix("video")) for mark in marks)
    return [str(dev_folder / f"video{number}") for number in numbers]


def list_loopbacks(
    sys_folder: Path = _SYS_FOLDER,
    dev_folder: Path = _DEV_FOLDER,
    ioctl: Ioctl = fcntl.ioctl,
    proc: Path = _PROC,
) -> list[LoopbackDevice]:
    """Return the devices of v4l2loopback in the order of their numbers.

    Args:
        sys_folder: where the kernel lists its video nodes.
        dev_folder: where they can be opened.
        ioctl: ``fcntl.ioctl``.
        proc: where the kernel shows the processes.
    """
    paths = loopback_paths(sys_folder, dev_folder)
    return [_describe(sys_folder / Path(path).name, path, ioctl, proc) for path in paths]


def choose_loopback(selector: str | None, devices: Sequence[LoopbackDevice]) -> LoopbackDevice:
    """Return the device that a user means, or the first free one.

    Args:
        selector: a path, a number, or a part of the name in upper or lower case; None takes a free
            device, before all one that is called "livebg".
        devices: the ones to choose from.

    Raises:
        SinkUnavailableError: there is none like that, or it cannot be fed; says what to do.

    Example:
        >>> desk = LoopbackDevice("/dev/video10", "livebg", outputs=True)
        >>> choose_loopback(None, [desk]).path
        '/dev/video10'
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
    return f"{device.path} ({device.name}) is in use by {users}"


def _named(selector: str, devices: Sequence[LoopbackDevice]) -> LoopbackDevice:
    path = f"/dev/video{selector}" if selector.isdecimal() else selector
    real = os.path.realpath(path)
    for device in devices:
        if path == device.path or real == os.path.realpath(device.path):
            return device
    for device in devices:
        if selector.casefold() in device.name.casefold():
            return device
    there = ", ".join(f"{device.path} ({device.name})" for device in devices)
    raise SinkUnavailableError(
        f"there is no virtual camera {selector}: the devices of v4l2loopback are {there}"
        if devices
        else f"there is no virtual camera {selector}: {_NONE}"
    )


def _describe(node: Path, path: str, ioctl: Ioctl, proc: Path) -> LoopbackDevice:
    name = (node / "name").read_text(encoding="utf-8", errors="replace").strip()
    try:
        capability = _ask(path, ioctl)
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


def _ask(path: str, ioctl: Ioctl) -> Capability:
    descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return query_capability(descriptor, ioctl)
    finally:
        os.close(descriptor)


def _open_problem(device: str, error: OSError) -> str:
    if error.errno in (errno.EACCES, errno.EPERM):
        return (
            f"you may not open {device}; join its group with `sudo usermod -aG video $USER` and "
            "log in again"
        )
    return f"{device} cannot be opened ({error.strerror}); load its module again: {RELOAD_COMMAND}"


class _BufferType(ctypes.Structure):  # [v4l2_buf_type]
    _fields_ = [("value", ctypes.c_int)]


class _StreamParameters(ctypes.Structure):  # [v4l2_streamparm, its v4l2_outputparm]
    _fields_ = [
        ("type", ctypes.c_uint32),
        ("capability", ctypes.c_uint32),
        ("outputmode", ctypes.c_uint32),
        ("seconds_numerator", ctypes.c_uint32),
        ("seconds_denominator", ctypes.c_uint32),
        ("rest", ctypes.c_uint8 * 184),
    ]


STREAMON = request_number(WRITE, 18, _BufferType)
S_PARM = request_number(READ_WRITE, 22, _StreamParameters)

_FINEST_RATE = 1001


class LoopbackClaim:
    """Holds a device beside the program that feeds it.

    v4l2loopback 0.12 with ``exclusive_caps=1`` forgets that a device can be fed when a program that
    only writes pictures closes it, or is killed, and refuses the next one until the module is
    loaded again. It remembers when a file that declared itself a writer is closed. The claim is
    that file. Later versions do not need it and are not harmed.

    Args:
        path: the device; nobody else may feed it.
        frames_per_second: what readers are told.
        ioctl: ``fcntl.ioctl``.

    Attributes:
        descriptor: the open file.

    Raises:
        OSError: the device cannot be opened, or it is none.
    """

    def __init__(self, path: str, frames_per_second: float, ioctl: Ioctl = fcntl.ioctl) -> None:
        self._ioctl = ioctl
        self._give_output_back(path)
        self.descriptor = _open(path)
        rate = Fraction(frames_per_second).limit_denominator(_FINEST_RATE)
        parameters = _StreamParameters(
            type=BUFFER_OUTPUT,
            seconds_numerator=rate.denominator,
            seconds_denominator=rate.numerator,
        )
        with contextlib.suppress(OSError):  # readers then see the driver's 30 frames a second
            self._ioctl(self.descriptor, S_PARM, parameters)

    def hold(self) -> None:
        """Declare this file a writer; to be called once somebody else has the device open to feed.

        Before that it would take the place of the program that feeds.
        """
        self._declare_writer(self.descriptor)

    def close(self) -> None:
        """Close the file; to be called after the program that feeds has closed its own. Once."""
        os.close(self.descriptor)

    def _give_output_back(self, path: str) -> None:
        """Mend what an earlier program without a claim left behind."""
        descriptor = _open(path)
        try:
            if not query_capability(descriptor, self._ioctl).outputs:
                self._declare_writer(descriptor)
        finally:
            os.close(descriptor)

    def _declare_writer(self, descriptor: int) -> None:
        # Refused where there is no format yet, which has the wanted effect all the same, and by
        # the versions that do not need it.
        with contextlib.suppress(OSError):
            self._ioctl(descriptor, STREAMON, _BufferType(BUFFER_OUTPUT))


def _open(path: str) -> int:
    return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
