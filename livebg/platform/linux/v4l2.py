"""Video4Linux2 device nodes: what they are, what they deliver, and how they are written to.

Structures and numbers are those of the kernel's user-space interface; the names in brackets are
the ones of its manual (Linux Media Infrastructure userspace API, part I). A function that asks the
driver raises OSError where it refuses or the device is gone. Linux only.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol, TypeVar

from livebg.frame import Size
from livebg.platform.cameras import CameraMode, fourcc_text

__all__ = [
    "Capability",
    "Ioctl",
    "is_busy",
    "open_node",
    "opened_node",
    "query_capability",
    "query_modes",
    "read_event",
    "set_output_rate",
    "start_output",
    "subscribe_event",
]

_CAPTURE = 0x0000_0001
_OUTPUT = 0x0000_0002
_CAPTURE_MPLANE = 0x0000_1000
_MEMORY_TO_MEMORY = 0x0000_8000 | 0x0000_4000
_HAS_DEVICE_CAPS = 0x8000_0000

_BUFFER_CAPTURE, _BUFFER_OUTPUT, _BUFFER_CAPTURE_MPLANE = 1, 2, 9
_MEMORY_MMAP = 1
_SEND_INITIAL_EVENT = 1

_DISCRETE = 1
"""``type`` of a listed size or interval: one value; otherwise it is a range."""

_MOST_ENTRIES = 256
"""Limit for a driver that never ends a list."""

_FINEST_RATE = 1001
"""Largest denominator of a frame rate: 29.97 is 30000/1001."""

_COMMON_SIZES: tuple[Size, ...] = (
    (320, 240), (640, 360), (640, 480), (800, 600), (960, 540),
    (1280, 720), (1280, 960), (1920, 1080), (2560, 1440), (3840, 2160),
)  # fmt: skip
"""What is listed of a device that takes any size within a range."""


def _numbers(*names: str) -> list[tuple[str, type[ctypes.c_uint32]]]:
    return [(name, ctypes.c_uint32) for name in names]


class _Capability(ctypes.Structure):  # [v4l2_capability]
    _fields_ = [
        ("driver", ctypes.c_char * 16),
        ("card", ctypes.c_char * 32),
        ("bus_info", ctypes.c_char * 32),
        *_numbers("version", "capabilities", "device_caps"),
        ("reserved", ctypes.c_uint32 * 3),
    ]


class _Format(ctypes.Structure):  # [v4l2_fmtdesc]
    _fields_ = [
        *_numbers("index", "type", "flags"),
        ("description", ctypes.c_char * 32),
        *_numbers("pixelformat", "mbus_code"),
        ("reserved", ctypes.c_uint32 * 3),
    ]


class _FrameSize(ctypes.Structure):  # [v4l2_frmsizeenum]
    _fields_ = [
        *_numbers("index", "pixelformat", "type"),
        # One size: width, height. A range: min, max, step of the width, then of the height.
        ("size", ctypes.c_uint32 * 6),
        ("reserved", ctypes.c_uint32 * 2),
    ]


class _FrameInterval(ctypes.Structure):  # [v4l2_frmivalenum]
    _fields_ = [
        *_numbers("index", "pixelformat", "width", "height", "type"),
        # Fractions of a second, numerator first. One interval, or a range: min, max, step.
        ("interval", ctypes.c_uint32 * 6),
        ("reserved", ctypes.c_uint32 * 2),
    ]


class _RequestBuffers(ctypes.Structure):  # [v4l2_requestbuffers]
    _fields_ = [
        *_numbers("count", "type", "memory", "capabilities"),
        ("flags", ctypes.c_uint8),
        ("reserved", ctypes.c_uint8 * 3),
    ]


class _BufferType(ctypes.Structure):  # [v4l2_buf_type]
    _fields_ = [("value", ctypes.c_int)]


class _StreamParameters(ctypes.Structure):  # [v4l2_streamparm, its v4l2_outputparm]
    _fields_ = [
        *_numbers("type", "capability", "outputmode", "seconds_numerator", "seconds_denominator"),
        ("rest", ctypes.c_uint8 * 184),
    ]


class _Subscription(ctypes.Structure):  # [v4l2_event_subscription]
    _fields_ = [*_numbers("type", "id", "flags"), ("reserved", ctypes.c_uint32 * 5)]


class _Event(ctypes.Structure):  # [v4l2_event], its 64 bytes of data as numbers
    _fields_ = [
        ("type", ctypes.c_uint32),
        ("data", ctypes.c_uint64 * 8),
        *_numbers("pending", "sequence"),
        ("timestamp", ctypes.c_long * 2),
        ("id", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32 * 8),
    ]


def _request(direction: int, number: int, structure: type[ctypes.Structure]) -> int:
    """Return an ioctl's request number [_IOC]: direction, size, type letter, number."""
    return direction << 30 | ctypes.sizeof(structure) << 16 | ord("V") << 8 | number


_WRITE, _READ, _READ_WRITE = 1, 2, 3

QUERYCAP = _request(_READ, 0, _Capability)
ENUM_FMT = _request(_READ_WRITE, 2, _Format)
REQBUFS = _request(_READ_WRITE, 8, _RequestBuffers)
STREAMON = _request(_WRITE, 18, _BufferType)
S_PARM = _request(_READ_WRITE, 22, _StreamParameters)
ENUM_FRAMESIZES = _request(_READ_WRITE, 74, _FrameSize)
ENUM_FRAMEINTERVALS = _request(_READ_WRITE, 75, _FrameInterval)
DQEVENT = _request(_READ, 89, _Event)
SUBSCRIBE_EVENT = _request(_WRITE, 90, _Subscription)


_Entry = TypeVar("_Entry", _Format, _FrameSize, _FrameInterval)


class Ioctl(Protocol):
    """``fcntl.ioctl``, as far as it is used here: fills ``argument`` in place."""

    def __call__(self, descriptor: int, request: int, argument: ctypes.Structure, /) -> object:
        """Do ``request`` on ``descriptor``; raises OSError."""


@dataclass(frozen=True, slots=True)
class Capability:
    """What a device node says of itself.

    Attributes:
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
        """True for a device of v4l2loopback, which another program writes to."""
        return self.driver == "v4l2 loopback"

    @property
    def buffer_type(self) -> int:
        """The kind of buffer that the node captures into [v4l2_buf_type]."""
        return _BUFFER_CAPTURE if self.flags & _CAPTURE else _BUFFER_CAPTURE_MPLANE


def open_node(path: str | os.PathLike[str]) -> int:
    """Open a device node for queries, and return the file descriptor."""
    return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)


@contextmanager
def opened_node(path: str | os.PathLike[str]) -> Iterator[int]:
    """Open a device node for the length of a block; see ``open_node``."""
    descriptor = open_node(path)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def query_capability(descriptor: int, ioctl: Ioctl = fcntl.ioctl) -> Capability:
    """Return what the open device node says of itself [VIDIOC_QUERYCAP]."""
    answer = _Capability()
    ioctl(descriptor, QUERYCAP, answer)
    own = answer.capabilities & _HAS_DEVICE_CAPS
    driver, card, bus_info = (
        raw.decode("utf-8", "replace").strip()
        for raw in (answer.driver, answer.card, answer.bus_info)
    )
    flags = answer.device_caps if own else answer.capabilities
    return Capability(driver, card, bus_info, flags)


def set_output_rate(descriptor: int, fps: float, ioctl: Ioctl = fcntl.ioctl) -> None:
    """Set the frame rate that readers of an output node are told [VIDIOC_S_PARM]."""
    rate = Fraction(fps).limit_denominator(_FINEST_RATE)
    parameters = _StreamParameters(
        type=_BUFFER_OUTPUT,
        seconds_numerator=rate.denominator,
        seconds_denominator=rate.numerator,
    )
    ioctl(descriptor, S_PARM, parameters)


def start_output(descriptor: int, ioctl: Ioctl = fcntl.ioctl) -> None:
    """Start streaming into an output node [VIDIOC_STREAMON]."""
    ioctl(descriptor, STREAMON, _BufferType(_BUFFER_OUTPUT))


def subscribe_event(descriptor: int, kind: int, ioctl: Ioctl = fcntl.ioctl) -> None:
    """Ask for events of a kind, the present state first [VIDIOC_SUBSCRIBE_EVENT]."""
    ioctl(descriptor, SUBSCRIBE_EVENT, _Subscription(type=kind, flags=_SEND_INITIAL_EVENT))


def read_event(descriptor: int, ioctl: Ioctl = fcntl.ioctl) -> tuple[int, int]:
    """Return the kind of the next event and the first 32 bits of its data [VIDIOC_DQEVENT]."""
    event = _Event()
    ioctl(descriptor, DQEVENT, event)
    return event.type, event.data[0] & 0xFFFF_FFFF


def query_modes(
    descriptor: int, capability: Capability, ioctl: Ioctl = fcntl.ioctl
) -> tuple[CameraMode, ...]:
    """Return every mode that the open device lists, in the driver's order."""
    formats = _entries(descriptor, ENUM_FMT, ioctl, _Format, type=capability.buffer_type)
    return tuple(
        CameraMode(
            fourcc_text(entry.pixelformat),
            size,
            _rates(descriptor, entry.pixelformat, size, ioctl),
        )
        for entry in formats
        for size in _sizes(descriptor, entry.pixelformat, ioctl)
    )


def is_busy(descriptor: int, capability: Capability, ioctl: Ioctl = fcntl.ioctl) -> bool:
    """Say whether another program streams from the device.

    Any number of programs may open a camera, one may have buffers. Asking for none of them
    [VIDIOC_REQBUFS, count 0] changes nothing, and is refused while another program has some.
    """
    request = _RequestBuffers(count=0, type=capability.buffer_type, memory=_MEMORY_MMAP)
    try:
        ioctl(descriptor, REQBUFS, request)
    except OSError as error:
        return error.errno == errno.EBUSY
    return False


def _entries(
    descriptor: int, request: int, ioctl: Ioctl, structure: type[_Entry], **fields: int
) -> Iterator[_Entry]:
    """Yield the entries of a driver's list until it refuses the next one."""
    for index in range(_MOST_ENTRIES):
        entry = structure(index=index, **fields)
        try:
            ioctl(descriptor, request, entry)
        except OSError:
            return
        yield entry


def _sizes(descriptor: int, pixelformat: int, ioctl: Ioctl) -> Iterator[Size]:
    listed = _entries(descriptor, ENUM_FRAMESIZES, ioctl, _FrameSize, pixelformat=pixelformat)
    for entry in listed:
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
    asked = {"pixelformat": pixelformat, "width": size[0], "height": size[1]}
    for entry in _entries(descriptor, ENUM_FRAMEINTERVALS, ioctl, _FrameInterval, **asked):
        is_range = entry.type != _DISCRETE
        pairs = [(entry.interval[0], entry.interval[1])]
        if is_range:
            pairs.append((entry.interval[2], entry.interval[3]))
        # Some drivers list 0/0 for "any".
        rates.update(Fraction(below, above) for above, below in pairs if above and below)
        if is_range:
            break
    return tuple(sorted(rates, reverse=True))
