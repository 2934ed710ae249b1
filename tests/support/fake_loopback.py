"""A kernel with v4l2loopback, as far as files that stand in for its devices can show it."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

CAPTURE, OUTPUT = 0x1, 0x2
_HAS_DEVICE_CAPS = 0x8000_0000


@dataclass
class FakeLoopback:
    """One device.

    ``caps`` is what it shows itself as, ``events`` are the counts of readers that it has to tell;
    None where the module is too old for them. ``asked`` are the requests that came, but QUERYCAP.
    """

    caps: int = OUTPUT
    events: deque[int] | None = None
    rate: tuple[int, int] | None = None
    asked: list[str] = field(default_factory=list)


class FakeLoopbacks:
    """Stands in for sysfs, ``/dev``, ``/proc`` and ``fcntl.ioctl``."""

    def __init__(self, folder: Path) -> None:
        self.sys_folder = folder / "sys"
        self.dev_folder = folder / "dev"
        self.proc = folder / "proc"
        for each in (self.sys_folder, self.dev_folder, self.proc):
            each.mkdir()
        self._devices: dict[int, FakeLoopback] = {}

    def add(self, number: int, name: str, device: FakeLoopback | None = None) -> Path:
        """Add ``/dev/videoN``; without ``device`` it is a webcam of another driver."""
        path = self.dev_folder / f"video{number}"
        path.touch()
        node = self.sys_folder / path.name
        node.mkdir()
        (node / "name").write_text(f"{name}\n")
        if device is not None:
            (node / "max_openers").write_text("10\n")
            self._devices[path.stat().st_ino] = device
        return path

    def open_in(self, pid: int, name: str, *paths: Path) -> None:
        """Add a process that has ``paths`` open."""
        folder = self.proc / str(pid) / "fd"
        folder.mkdir(parents=True, exist_ok=True)
        (folder.parent / "comm").write_text(f"{name}\n")
        for number, path in enumerate(paths):
            (folder / str(number)).symlink_to(path)

    def __call__(self, descriptor: int, request: int, argument: ctypes.Structure, /) -> int:
        device = self._devices[os.fstat(descriptor).st_ino]
        asked = ctypes.string_at(ctypes.byref(argument), ctypes.sizeof(argument))
        answer = _answer(device, request, asked, self._card(descriptor))
        assert len(answer) == len(asked) == request >> 16 & 0x3FFF
        ctypes.memmove(ctypes.byref(argument), answer, len(answer))
        return 0

    def _card(self, descriptor: int) -> bytes:
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        return (self.sys_folder / path.name / "name").read_bytes().strip()


def _answer(device: FakeLoopback, request: int, asked: bytes, card: bytes) -> bytes:
    match request:
        case 0x80685600:  # VIDIOC_QUERYCAP
            names = struct.pack("16s32s32s", b"v4l2 loopback", card, b"platform:v4l2loopback-000")
            caps = device.caps
            return names + struct.pack("<III12x", 0x60100, caps | _HAS_DEVICE_CAPS, caps)
        case 0x40045612:  # VIDIOC_STREAMON
            assert asked == b"\2\0\0\0"
            device.asked.append("STREAMON")
            raise OSError(errno.EINVAL, "Invalid argument")
        case 0xC0CC5616:  # VIDIOC_S_PARM
            kind, *device_rate = struct.unpack_from("<I8xII", asked)
            assert kind == 2
            device.asked.append("S_PARM")
            device.rate = device_rate[0], device_rate[1]
            return asked
        case 0x4020565A:  # VIDIOC_SUBSCRIBE_EVENT
            assert struct.unpack_from("<III", asked) == (0x10E0_0001, 0, 1)
            if device.events is None:
                raise OSError(errno.EINVAL, "Invalid argument")
            return asked
        case 0x80885659 if device.events is not None:  # VIDIOC_DQEVENT
            if not device.events:
                raise OSError(errno.ENODEV, "No such device")
            event = struct.pack("<I4xI", 0x10E0_0001, device.events.popleft())
            return event.ljust(len(asked), b"\0")
    raise OSError(errno.ENOTTY, "Inappropriate ioctl for device")
