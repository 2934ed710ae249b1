"""A kernel with v4l2loopback, as far as files that stand in for its devices can show it."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
from collections import deque
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from livebg.frame import Image, PixelFormat
from livebg.sinks import virtual_camera

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


class FakePyvirtualcam(SimpleNamespace):
    """A module with one device; a ``failure`` set before opening or sending is raised there."""

    PixelFormat = SimpleNamespace(I420="I420")

    def __init__(self) -> None:
        super().__init__()
        self.failure: Exception | None = None
        self.opened: dict[str, Any] = {}
        self.sent: list[Image] = []
        self.closed = 0

    def Camera(self, width: int, height: int, fps: float, **options: Any) -> Any:
        if self.failure:
            raise self.failure
        self.opened = {"size": (width, height), "fps": fps, **options}
        device = options["device"] or "/dev/video10"
        return SimpleNamespace(device=device, send=self._send, close=self._close)

    def _send(self, image: Image) -> None:
        if self.failure:
            raise self.failure
        i420 = PixelFormat("i420", "bt601")
        assert i420.fits(image)
        assert i420.size(image) == self.opened["size"]
        assert image.flags.c_contiguous
        self.sent.append(image)

    def _close(self) -> None:
        self.closed += 1


def install_loopback(
    monkeypatch: pytest.MonkeyPatch, folder: Path, device: FakeLoopback
) -> FakePyvirtualcam:
    """Let `VirtualCamera` find a kernel with ``device`` alone as ``video10``, named livebg."""
    from livebg.platform.linux import loopback_readers, v4l2loopback

    kernel = FakeLoopbacks(folder)
    kernel.add(10, "livebg", device)
    fake = FakePyvirtualcam()
    monkeypatch.setitem(sys.modules, "pyvirtualcam", fake)
    replaced = {
        "list_loopbacks": partial(
            v4l2loopback.list_loopbacks, kernel.sys_folder, kernel.dev_folder, kernel, kernel.proc
        ),
        "WriterHandle": partial(v4l2loopback.WriterHandle, ioctl=kernel),
    }
    for name, value in replaced.items():
        monkeypatch.setattr(v4l2loopback, name, value)
    monitor = partial(
        loopback_readers.EventMonitor, ioctl=kernel, has_event=lambda _: bool(device.events)
    )
    monkeypatch.setattr(loopback_readers, "EventMonitor", monitor)
    monkeypatch.setattr(virtual_camera, "_SYS_FOLDER", kernel.sys_folder)
    return fake
