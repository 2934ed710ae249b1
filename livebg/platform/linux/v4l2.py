"""What a Video4Linux2 device node is, and what it delivers.

Structures and numbers are those of the kernel's user-space interface; the names in brackets are
the ones of its manual (Linux Media Infrastructure userspace API, part I). Linux only.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from livebg.frame import Size
from livebg.platform.camera_modes import CameraMode

__all__ = [
    "BUFFER_CAPTURE",
    "BUFFER_CAPTURE_MPLANE",
    "BUFFER_OUTPUT",
    "QUERYCAP",
    "READ",
    "READ_WRITE",
    "WRITE",
    "Capability",
    "Ioctl",
    "is_busy",
    "query_capability",
    "query_modes",
    "request_number",
]


_CAPTURE = 0x0000_0001
_OUTPUT = 0x0000_0002
_CAPTURE_MPLANE = 0x0000_1000
_MEMORY_TO_MEMORY = 0x0000_8000 | 0x0000_4000
_HAS_DEVICE_CAPS = 0x8000_0000

BUFFER_CAPTURE = 1
BUFFER_OUTPUT = 2
BUFFER_CAPTURE_MPLANE = 9

WRITE, READ, READ_WRITE = 1, 2, 3


class Ioctl(Protocol):
    """``fcntl.ioctl``, as far as it is used here: fills ``argument`` in place."""

    def __call__(self, descriptor: int, request: int, argument: ctypes.Structure, /) -> object:
        """Do ``request`` on ``descriptor``; raises OSError."""


class _Capability(ctypes.Structure):  # [v4l2_capability]
    _fields_ = [
        ("driver", ctypes.c_char * 16),
        ("card", ctypes.c_char * 32),
        ("bus_info", ctypes.c_char * 32),
        ("version", ctypes.c_uint32),
        ("capabilities", ctypes.c_uint32),
        ("device_caps", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32 * 3),
    ]


def request_number(direction: int, number: int, structure: type[ctypes.Structure]) -> int:
    """Return an ioctl's request number [_IOC]: direction, size, type letter, number."""
    return direction << 30 | ctypes.sizeof(structure) << 16 | ord("V") << 8 | number


QUERYCAP = request_number(READ, 0, _Capability)


@dataclass(frozen=True, slots=True)
class Capability:
    """What a device node says of itself.

    Attributes:
        driver: name of the kernel's driver.
        card: name of the camera.
        bus_info: where it is plugged in.
        flags: capabilities of this very node (a webcam has further nodes, for metadata).
    """

    driver: str
    card: str
    bus_info: str
    flags: int

    @property
    def captures(self) -> bool:
        """True for a node that pictures can be read from."""
        return bool(self.flags & (_CAPTURE | _CAPTURE_MPLANE)) and not (
            self.flags & _MEMORY_TO_MEMORY
        )

    @property
    def outputs(self) -> bool:
        """True for a node that pictures can be written to."""
        return bool(self.flags & _OUTPUT)

    @property
    def loopback(self) -> bool:
        """True for a device that another program feeds (v4l2loopback)."""
        return self.driver == "v4l2 loopback"

    @property
    def buffer_type(self) -> int:
        """The kind of buffer that the node captures into [v4l2_buf_type]."""
        return BUFFER_CAPTURE if self.flags & _CAPTURE else BUFFER_CAPTURE_MPLANE


def query_capability(descriptor: int, ioctl: Ioctl = fcntl.ioctl) -> Capability:
    """Return what the open device node says of itself [VIDIOC_QUERYCAP].

    Raises:
        OSError: it is no V4L2 device, or it is gone.
    """
    answer = _Capability()
    ioctl(descriptor, QUERYCAP, answer)
    own = answer.capabilities & _HAS_DEVICE_CAPS
    return Capability(
        driver=_text(answer.driver),
        card=_text(answer.card),
        bus_info=_text(answer.bus_info),
        flags=answer.device_caps if own else answer.capabilities,
    )


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace").strip()


_MEMORY_MMAP = 1

_DISCRETE = 1
"""``type`` of a listed size or interval: one value; otherwise it is a range."""

_MOST_ENTRIES = 256
"""A driver that never says "no more" is accepted up to here."""

_COMMON_SIZES: tuple[Size, ...] = (
    (320, 240),
    (640, 360),
    (640, 480),
    (800, 600),
    (960, 540),
    (1280, 720),
    (1280, 960),
    (1920, 1080),
    (2560, 1440),
    (3840, 2160),
)
"""What is listed of a device that takes any size within a range."""


class _Format(ctypes.Structure):  # [v4l2_fmtdesc]
    _fields_ = [
        ("index", ctypes.c_uint32),
        ("type", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("description", ctypes.c_char * 32),
        ("pixelformat", ctypes.c_uint32),
        ("mbus_code", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32 * 3),
    ]


class _FrameSize(ctypes.Structure):  # [v4l2_frmsizeenum]
    _fields_ = [
        ("index", ctypes.c_uint32),
        ("pixelformat", ctypes.c_uint32),
        ("type", ctypes.c_uint32),
        # One size: width, height. A range: min, max, step of the width, then of the height.
        ("size", ctypes.c_uint32 * 6),
        ("reserved", ctypes.c_uint32 * 2),
    ]


class _FrameInterval(ctypes.Structure):  # [v4l2_frmivalenum]
    _fields_ = [
        ("index", ctypes.c_uint32),
        ("pixelformat", ctypes.c_uint32),
        ("width", ctypes.c_uint32),
        ("height", ctypes.c_uint32),
        ("type", ctypes.c_uint32),
        # Fractions of a second, numerator first. One interval, or a range: min, max, step.
        ("interval", ctypes.c_uint32 * 6),
        ("reserved", ctypes.c_uint32 * 2),
    ]


class _RequestBuffers(ctypes.Structure):  # [v4l2_requestbuffers]
    _fields_ = [
        ("count", ctypes.c_uint32),
        ("type", ctypes.c_uint32),
        ("memory", ctypes.c_uint32),
        ("capabilities", ctypes.c_uint32),
        ("flags", ctypes.c_uint8),
        ("reserved", ctypes.c_uint8 * 3),
    ]


ENUM_FMT = request_number(READ_WRITE, 2, _Format)
REQBUFS = request_number(READ_WRITE, 8, _RequestBuffers)
ENUM_FRAMESIZES = request_number(READ_WRITE, 74, _FrameSize)
ENUM_FRAMEINTERVALS = request_number(READ_WRITE, 75, _FrameInterval)


def query_modes(
    descriptor: int, capability: Capability, ioctl: Ioctl = fcntl.ioctl
) -> tuple[CameraMode, ...]:
    """Return every mode that the open device lists, in the driver's order."""
    return tuple(
        CameraMode(_fourcc(pixelformat), size, _rates(descriptor, pixelformat, size, ioctl))
        for pixelformat in _pixel_formats(descriptor, capability.buffer_type, ioctl)
        for size in _sizes(descriptor, pixelformat, ioctl)
    )


def is_busy(descriptor: int, capability: Capability, ioctl: Ioctl = fcntl.ioctl) -> bool:
    """Say whether another program streams from the device.

    Any number of programs may open a camera, one may have buffers. Asking for none of them
    [VIDIOC_REQBUFS, count 0] changes nothing, and is refused while somebody else has some.
    """
    request = _RequestBuffers(count=0, type=capability.buffer_type, memory=_MEMORY_MMAP)
    try:
        ioctl(descriptor, REQBUFS, request)
    except OSError as error:
        return error.errno == errno.EBUSY
    return False


def _listed(descriptor: int, request: int, argument: ctypes.Structure, ioctl: Ioctl) -> bool:
    """Fill ``argument``; False once the driver has no further entry, or lists none at all."""
    try:
        ioctl(descriptor, request, argument)
    except OSError:
        return False
    return True


def _pixel_formats(descriptor: int, buffer_type: int, ioctl: Ioctl) -> Iterator[int]:
    for index in range(_MOST_ENTRIES):
        entry = _Format(index=index, type=buffer_type)
        if not _listed(descriptor, ENUM_FMT, entry, ioctl):
            return
        yield entry.pixelformat


def _sizes(descriptor: int, pixelformat: int, ioctl: Ioctl) -> Iterator[Size]:
    for index in range(_MOST_ENTRIES):
        entry = _FrameSize(index=index, pixelformat=pixelformat)
        if not _listed(descriptor, ENUM_FRAMESIZES, entry, ioctl):
            return
        if entry.type != _DISCRETE:
            yield from _sizes_in_range(*entry.size)
            return
        yield entry.size[0], entry.size[1]


def _sizes_in_range(
    min_width: int, max_width: int, step_width: int, min_height: int, max_height: int, step: int
) -> list[Size]:
    def fits(value: int, low: int, high: int, step: int) -> bool:
        return low <= value <= high and (value - low) % max(1, step) == 0

    common = [
        (width, height)
        for width, height in _COMMON_SIZES
        if fits(width, min_width, max_width, step_width)
        and fits(height, min_height, max_height, step)
    ]
    return common or [(max_width, max_height)]


def _rates(descriptor: int, pixelformat: int, size: Size, ioctl: Ioctl) -> tuple[Fraction, ...]:
    rates: set[Fraction] = set()
    for index in range(_MOST_ENTRIES):
        entry = _FrameInterval(index=index, pixelformat=pixelformat, width=size[0], height=size[1])
        if not _listed(descriptor, ENUM_FRAMEINTERVALS, entry, ioctl):
            break
        pairs = [(entry.interval[0], entry.interval[1])]
        if entry.type != _DISCRETE:
            pairs.append((entry.interval[2], entry.interval[3]))
        # Some drivers list 0/0 for "any".
        rates.update(Fraction(below, above) for above, below in pairs if above and below)
        if entry.type != _DISCRETE:
            break
    return tuple(sorted(rates, reverse=True))


def _fourcc(pixelformat: int) -> str:
    letters = (pixelformat & 0x7FFF_FFFF).to_bytes(4, "little")  # bit 31: big-endian variant
    return letters.decode("ascii", "replace").strip()
