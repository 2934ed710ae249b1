"""Asking a Video4Linux2 device node what it is.

Structures and numbers are those of the kernel's user-space interface; the names in brackets are
the ones of its manual (Linux Media Infrastructure userspace API, part I). Linux only.
"""

from __future__ import annotations

import ctypes
import fcntl
from dataclasses import dataclass
from typing import Protocol

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
    "query_capability",
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
