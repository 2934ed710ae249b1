"""SPA pods: the values in which PipeWire describes formats and buffers.

A pod is its body's size and its type, each a 32-bit number in the machine's byte order, then the
body, padded to 8 bytes. Every function here returns a whole pod, or reads one.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from fractions import Fraction

from livebg.types import Size

__all__ = [
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
