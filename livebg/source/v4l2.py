"""The few ioctls of Video4Linux2 that tell what a camera can deliver.

Structures and numbers are those of the kernel's user-space interface; the names in brackets are
the ones of its manual (Linux Media Infrastructure userspace API, part I). Linux only.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
from collections.abc import Iterator
from fractions import Fraction

from livebg.source.modes import CameraMode
from livebg.types import Size
from livebg.v4l2 import READ_WRITE, Capability, Ioctl, request_number

__all__ = ["is_busy", "query_modes"]

_MEMORY_MMAP = 1

_DISCRETE = 1
"""``type`` of a listed size or interval: one value; otherwise it is a range."""

_MOST_ENTRIES = 256
"""A driver that never says "no more" is believed up to here."""

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
