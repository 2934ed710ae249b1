"""SPA pods: the values in which PipeWire describes formats and buffers.

A pod is its body's size and its type, each a 32-bit number in the machine's byte order, then the
body, padded to 8 bytes. Every function here returns a whole pod, or reads one.

What the camera tells PipeWire of itself: its formats, and the buffers it needs for one.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from livebg.frame import PixelFormat, Size

__all__ = [
    "I420",
    "META_HEADER",
    "PARAM_FORMAT",
    "VideoFormat",
    "flags_pod",
    "fraction_pod",
    "id_pod",
    "int_pod",
    "int_range_pod",
    "object_pod",
    "read_ids",
    "rectangle_pod",
]


_ID = 3
_INT = 4
_RECTANGLE = 10
_FRACTION = 11
_OBJECT = 15
_CHOICE = 19

_RANGE = 1
_FLAGS = 4


def id_pod(value: int) -> bytes:
    """Return a value of an enumeration."""
    return _pod(_ID, struct.pack("=I", value))


def int_pod(value: int) -> bytes:
    """Return a whole number."""
    return _pod(_INT, struct.pack("=i", value))


def rectangle_pod(size: Size) -> bytes:
    """Return a size, ``(width, height)``."""
    return _pod(_RECTANGLE, struct.pack("=II", *size))


def fraction_pod(value: Fraction) -> bytes:
    """Return a fraction, such as a frame rate."""
    return _pod(_FRACTION, struct.pack("=II", value.numerator, value.denominator))


def int_range_pod(default: int, lowest: int, highest: int) -> bytes:
    """Return the choice of a whole number from a range."""
    return _choice(_RANGE, default, lowest, highest)


def flags_pod(mask: int) -> bytes:
    """Return the choice of any of the bits in ``mask``."""
    return _choice(_FLAGS, mask)


def object_pod(kind: int, use: int, properties: Mapping[int, bytes]) -> bytes:
    """Return an object.

    Args:
        kind: its type, one of ``SPA_TYPE_OBJECT_*``.
        use: what it is a parameter of, one of ``SPA_PARAM_*``.
        properties: pods by their keys.
    """
    body = struct.pack("=II", kind, use)
    for key, value in properties.items():
        body += struct.pack("=II", key, 0) + value
    return _pod(_OBJECT, body)


def read_ids(pod: bytes) -> dict[int, int]:
    """Return the properties of an object that are values of enumerations.

    Of a choice, the first value counts: a negotiated format wraps its values in choices of one.

    Args:
        pod: a whole pod; what is no object has no properties.

    Example:
        >>> read_ids(object_pod(0x40003, 4, {1: id_pod(2), 7: int_pod(5)}))
        {1: 2}
    """
    size, kind = struct.unpack_from("=II", pod)
    end = min(8 + size, len(pod))
    found: dict[int, int] = {}
    at = 16
    while kind == _OBJECT and at + 16 <= end:
        key, _, value_size, value_kind = struct.unpack_from("=IIII", pod, at)
        body = pod[at + 16 : at + 16 + value_size]
        if value_kind == _CHOICE and len(body) >= 16:
            value_kind = struct.unpack_from("=I", body, 12)[0]
            body = body[16:]
        if value_kind == _ID and len(body) >= 4:
            found[key] = struct.unpack_from("=I", body)[0]
        at += 16 + _padded(value_size)
    return found


def _choice(kind: int, *values: int) -> bytes:
    body = struct.pack(f"=IIII{len(values)}i", kind, 0, 4, _INT, *values)
    return _pod(_CHOICE, body)


def _pod(kind: int, body: bytes) -> bytes:
    return struct.pack("=II", len(body), kind) + body.ljust(_padded(len(body)), b"\0")


def _padded(size: int) -> int:
    return (size + 7) // 8 * 8


PARAM_FORMAT = 4
META_HEADER = 1

_PARAM_ENUM_FORMAT = 3
_PARAM_BUFFERS = 5
_PARAM_META = 6

_OBJECT_FORMAT = 0x40003
_OBJECT_BUFFERS = 0x40004
_OBJECT_META = 0x40005

_MEDIA_TYPE, _MEDIA_SUBTYPE = 1, 2
_VIDEO, _RAW = 2, 1
_FORMAT, _SIZE, _FRAME_RATE = 0x20001, 0x20003, 0x20004

_BUFFERS, _BLOCKS, _BLOCK_SIZE, _STRIDE, _DATA_TYPE = 1, 2, 3, 4, 6
_META_TYPE, _META_SIZE = 1, 2
_META_HEADER_SIZE = 32
_MEMFD_OR_POINTER = 1 << 2 | 1 << 1

I420 = PixelFormat("i420", "bt601")
"""What browsers take a camera's pictures for; the cheapest to make."""

_NUMBERS = {I420: 2, PixelFormat("yuy2", "bt601"): 4}
"""Pixel formats to choose from, the best first, and their numbers in ``spa_video_format``. OBS
takes the second only."""


@dataclass(frozen=True, slots=True)
class VideoFormat:
    """Pictures of one size at one rate in one pixel format; their rows have no padding.

    Browsers list a camera only if each pixel format is a choice of its own, of fixed size and rate.

    Attributes:
        size: ``(width, height)`` in pixels, both even.
        rate: frames per second.
        pixel_format: how the pixels lie in memory.
    """

    size: Size
    rate: Fraction
    pixel_format: PixelFormat = I420

    @property
    def size_bytes(self) -> int:
        """Bytes of one picture."""
        return math.prod(self.pixel_format.shape(self.size))

    @property
    def stride(self) -> int:
        """Bytes of one row, of the first plane where there are several."""
        return math.prod(self.pixel_format.shape(self.size)[1:])

    def choices(self) -> list[bytes]:
        """Return the pods of the choices: this size and rate in each pixel format."""
        return [
            object_pod(
                _OBJECT_FORMAT,
                _PARAM_ENUM_FORMAT,
                {
                    _MEDIA_TYPE: id_pod(_VIDEO),
                    _MEDIA_SUBTYPE: id_pod(_RAW),
                    _FORMAT: id_pod(number),
                    _SIZE: rectangle_pod(self.size),
                    _FRAME_RATE: fraction_pod(self.rate),
                },
            )
            for number in _NUMBERS.values()
        ]

    def chosen(self, pod: bytes) -> VideoFormat:
        """Return the format that a negotiated ``pod`` stands for."""
        number = read_ids(pod)[_FORMAT]
        formats = {known: pixel_format for pixel_format, known in _NUMBERS.items()}
        return replace(self, pixel_format=formats[number])

    def needs(self) -> list[bytes]:
        """Return the pods that ask for buffers, each with a header for the time of capture."""
        buffers = {
            # A program that reads late still holds some: more than a few keep the camera going.
            _BUFFERS: int_range_pod(8, 3, 32),
            _BLOCKS: int_pod(1),
            _BLOCK_SIZE: int_pod(self.size_bytes),
            _STRIDE: int_pod(self.stride),
            _DATA_TYPE: flags_pod(_MEMFD_OR_POINTER),
        }
        header = {_META_TYPE: id_pod(META_HEADER), _META_SIZE: int_pod(_META_HEADER_SIZE)}
        return [
            object_pod(_OBJECT_BUFFERS, _PARAM_BUFFERS, buffers),
            object_pod(_OBJECT_META, _PARAM_META, header),
        ]
