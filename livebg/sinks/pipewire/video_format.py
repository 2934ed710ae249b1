"""The formats that the camera offers and the buffers it needs, as PipeWire reads them.

PipeWire describes both in SPA pods. A pod is its body's size and its type, each a 32-bit number in
the machine's byte order, then the body, padded to 8 bytes. Numbers and names come from PipeWire's
headers ``spa/pod/pod.h`` and ``spa/param``.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from livebg.frame import PixelFormat, Size

__all__ = ["I420", "META_HEADER", "PARAM_FORMAT", "VideoFormat"]

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

_ID, _INT, _RECTANGLE, _FRACTION, _OBJECT, _CHOICE = 3, 4, 10, 11, 15, 19
_RANGE, _FLAGS = 1, 4

I420 = PixelFormat("i420", "bt601")
"""The format that browsers expect of a camera, and the cheapest to make."""

_NUMBERS = {I420: 2, PixelFormat("yuy2", "bt601"): 4}
"""Pixel formats on offer, the best first, with their numbers in ``spa_video_format``. OBS takes the
second only."""


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
        """Return one pod for each pixel format, of this size and rate."""
        return [
            _object(
                _OBJECT_FORMAT,
                _PARAM_ENUM_FORMAT,
                {
                    _MEDIA_TYPE: _pod(_ID, "I", _VIDEO),
                    _MEDIA_SUBTYPE: _pod(_ID, "I", _RAW),
                    _FORMAT: _pod(_ID, "I", number),
                    _SIZE: _pod(_RECTANGLE, "II", *self.size),
                    _FRAME_RATE: _pod(_FRACTION, "II", self.rate.numerator, self.rate.denominator),
                },
            )
            for number in _NUMBERS.values()
        ]

    def chosen(self, pod: bytes) -> VideoFormat:
        """Return the format that a reader chose; values may be wrapped in choices of one."""
        number = _read_ids(pod)[_FORMAT]
        formats = {known: pixel_format for pixel_format, known in _NUMBERS.items()}
        return replace(self, pixel_format=formats[number])

    def needs(self) -> list[bytes]:
        """Return the pods that ask for buffers, each with a header for the time of capture."""
        buffers = {
            # A slow reader holds several: with more than a few the camera goes on.
            _BUFFERS: _choice(_RANGE, 8, 3, 32),
            _BLOCKS: _pod(_INT, "i", 1),
            _BLOCK_SIZE: _pod(_INT, "i", self.size_bytes),
            _STRIDE: _pod(_INT, "i", self.stride),
            _DATA_TYPE: _choice(_FLAGS, _MEMFD_OR_POINTER),
        }
        header = {
            _META_TYPE: _pod(_ID, "I", META_HEADER),
            _META_SIZE: _pod(_INT, "i", _META_HEADER_SIZE),
        }
        return [
            _object(_OBJECT_BUFFERS, _PARAM_BUFFERS, buffers),
            _object(_OBJECT_META, _PARAM_META, header),
        ]


def _pod(kind: int, layout: str, *values: int) -> bytes:
    """Return a pod; ``layout`` describes its body as ``struct`` does."""
    body = struct.pack(f"={layout}", *values)
    return struct.pack("=II", len(body), kind) + body.ljust(_padded(len(body)), b"\0")


def _choice(kind: int, *values: int) -> bytes:
    """Return the choice of a number: default, lowest, highest; or a mask of bits."""
    return _pod(_CHOICE, f"IIII{len(values)}i", kind, 0, 4, _INT, *values)


def _object(kind: int, param: int, properties: Mapping[int, bytes]) -> bytes:
    body = struct.pack("=II", kind, param)
    for key, value in properties.items():
        body += struct.pack("=II", key, 0) + value
    return struct.pack("=II", len(body), _OBJECT) + body


def _read_ids(pod: bytes) -> dict[int, int]:
    """Return the properties of an object that are values of enumerations."""
    found: dict[int, int] = {}
    at = 16
    while at + 16 <= len(pod):
        key, _, size, kind = struct.unpack_from("=IIII", pod, at)
        value = at + 16
        if kind == _CHOICE:  # its kind, flags, and the size and type of its values come before them
            kind = struct.unpack_from("=I", pod, value + 12)[0]
            value += 16
        if kind == _ID:
            found[key] = struct.unpack_from("=I", pod, value)[0]
        at += 16 + _padded(size)
    return found


def _padded(size: int) -> int:
    return (size + 7) // 8 * 8
