"""A kernel that answers V4L2's ioctls with bytes laid out as in its user-space interface."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from livebg.frame import Size

CAPTURE, OUTPUT, METADATA, MEMORY_TO_MEMORY = 0x1, 0x2, 0x80_0000, 0x8000
HAS_DEVICE_CAPS = 0x8000_0000


def capability(
    card: str, device_caps: int, driver: str = "uvcvideo", bus: str = "usb-0000:00:14.0-6"
) -> bytes:
    """``struct v4l2_capability``: the camera as a whole can capture, the node what it says."""
    names = struct.pack("16s32s32s", driver.encode(), card.encode(), bus.encode())
    return names + struct.pack("<III12x", 0x60100, CAPTURE | HAS_DEVICE_CAPS, device_caps)


def discrete_size(width: int, height: int) -> bytes:
    """The union of ``struct v4l2_frmsizeenum``, from ``type`` on."""
    return struct.pack("<III16x8x", 1, width, height)


def size_range(low: Size, high: Size, step: Size) -> bytes:
    return struct.pack("<I6I8x", 3, low[0], high[0], step[0], low[1], high[1], step[1])


def discrete_interval(numerator: int, denominator: int) -> bytes:
    """The union of ``struct v4l2_frmivalenum``, from ``type`` on."""
    return struct.pack("<III16x8x", 1, numerator, denominator)


def interval_range(shortest: tuple[int, int], longest: tuple[int, int]) -> bytes:
    return struct.pack("<I6I8x", 2, *shortest, *longest, 1, 1)


@dataclass
class FakeNode:
    """One device node: what it answers, as bytes."""

    capability: bytes
    formats: Mapping[str, Mapping[bytes, Sequence[bytes]]] = field(default_factory=dict)
    busy: bool = False


class FakeKernel:
    """Stands in for ``fcntl.ioctl`` on files that stand in for device nodes."""

    def __init__(self, folder: Path) -> None:
        self.sys_folder = folder / "sys"
        self.dev_folder = folder / "dev"
        self.sys_folder.mkdir()
        self.dev_folder.mkdir()
        self._nodes: dict[int, FakeNode] = {}

    def plug_in(self, number: int, node: FakeNode | None, name: str = "", index: int = 0) -> Path:
        """Add ``/dev/videoN``; a ``node`` of None knows no V4L2 ioctl."""
        path = self.dev_folder / f"video{number}"
        path.touch()
        if node is not None:
            self._nodes[path.stat().st_ino] = node
        entry = self.sys_folder / f"video{number}"
        entry.mkdir()
        (entry / "name").write_text(f"{name}\n")
        (entry / "index").write_text(f"{index}\n")
        return path

    def link(self, kind: str, name: str, path: Path) -> Path:
        """Add udev's link ``/dev/v4l/KIND/NAME``."""
        folder = self.dev_folder / "v4l" / kind
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(path)
        return folder / name

    def __call__(self, descriptor: int, request: int, argument: ctypes.Structure, /) -> int:
        node = self._nodes.get(os.fstat(descriptor).st_ino)
        if node is None:
            raise OSError(errno.ENOTTY, "Inappropriate ioctl for device")
        asked = ctypes.string_at(ctypes.byref(argument), ctypes.sizeof(argument))
        answer = self._answer(node, request, asked)
        assert len(answer) == len(asked) == request >> 16 & 0x3FFF
        ctypes.memmove(ctypes.byref(argument), answer, len(answer))
        return 0

    def _answer(self, node: FakeNode, request: int, asked: bytes) -> bytes:
        index: int
        second: int
        index, second = struct.unpack_from("<II", asked)
        try:
            match request:
                case 0x80685600:  # VIDIOC_QUERYCAP
                    return node.capability
                case 0xC0405602:  # VIDIOC_ENUM_FMT
                    fourcc = list(node.formats)[index].encode()
                    return asked[:44] + fourcc + asked[48:]
                case 0xC02C564A:  # VIDIOC_ENUM_FRAMESIZES
                    return asked[:8] + list(node.formats[_fourcc(second)])[index]
                case 0xC034564B:  # VIDIOC_ENUM_FRAMEINTERVALS
                    return asked[:16] + self._intervals(node, second, asked)[index]
                case 0xC0145608:  # VIDIOC_REQBUFS
                    if node.busy:
                        raise OSError(errno.EBUSY, "Device or resource busy")
                    return asked
        except (IndexError, KeyError):
            raise OSError(errno.EINVAL, "Invalid argument") from None
        raise OSError(errno.ENOTTY, "Inappropriate ioctl for device")

    @staticmethod
    def _intervals(node: FakeNode, pixelformat: int, asked: bytes) -> Sequence[bytes]:
        size = asked[8:16]
        for entry, intervals in node.formats[_fourcc(pixelformat)].items():
            if entry[4:12] == size or entry[:4] != b"\1\0\0\0":
                return intervals
        return ()


def _fourcc(pixelformat: int) -> str:
    return pixelformat.to_bytes(4, "little").decode()
