"""What the first bytes of a picture say of it, read without decoding it."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable
from dataclasses import dataclass

from livebg.types import Size

__all__ = ["PictureHeader", "read_header"]

_Bytes = bytes | mmap.mmap

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_JPEG_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
"""The markers SOF0 to SOF15 (ITU-T T.81, table B.1): they hold the size."""
_JPEG_SCAN, _JPEG_END = 0xDA, b"\xff\xd9"
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1"})


@dataclass(frozen=True, slots=True)
class PictureHeader:
    """What a picture file says of itself.

    Attributes:
        kind: name of its format.
        size: ``(width, height)`` as stored, before its orientation is applied; None if not known.
        animated: True when it holds more than one frame.
        complete: False when its end is missing.
    """

    kind: str
    size: Size | None = None
    animated: bool = False
    complete: bool = True


def read_header(data: _Bytes) -> PictureHeader | None:
    """Read a picture's header.

    Args:
        data: the whole file; a memory map is read only where the header needs it.

    Returns:
        The header, or None when the format is not known here or the header itself is damaged.

    Example:
        >>> read_header(b"BM" + bytes(16) + struct.pack("<ii", 640, -360)).size
        (640, 360)
    """
    for signature, offset, reader in _READERS:
        if data[offset : offset + len(signature)] == signature:
            try:
                return reader(data)
            except (struct.error, IndexError):
                return None
    return None


def _read_png(data: _Bytes) -> PictureHeader:
    size = struct.unpack(">II", data[16:24])
    animated, at = False, len(_PNG_SIGNATURE)
    while at + 8 <= len(data):
        length, name = struct.unpack(">I4s", data[at : at + 8])
        if name == b"IEND":
            return PictureHeader("PNG", size, animated, complete=at + 12 <= len(data))
        animated |= name == b"acTL"
        at += length + 12
    return PictureHeader("PNG", size, animated, complete=False)


def _read_jpeg(data: _Bytes) -> PictureHeader | None:
    size, at = None, 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF:  # padding
            at += 1
            continue
        if marker == _JPEG_SCAN:
            return PictureHeader("JPEG", size, complete=data.find(_JPEG_END, at) >= 0)
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            size = (width, height)
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return PictureHeader("JPEG", size, complete=False)


def _read_webp(data: _Bytes) -> PictureHeader | None:
    if data[8:12] != b"WEBP":
        return None
    complete = len(data) >= 8 + int.from_bytes(data[4:8], "little")
    match data[12:16]:
        case b"VP8X":
            width = 1 + int.from_bytes(data[24:27], "little")
            height = 1 + int.from_bytes(data[27:30], "little")
            return PictureHeader("WebP", (width, height), bool(data[20] & 2), complete)
        case b"VP8L":
            bits = int.from_bytes(data[21:25], "little")
            size = (1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
            return PictureHeader("WebP", size, complete=complete)
        case b"VP8 ":
            width, height = struct.unpack("<HH", data[26:30])
            return PictureHeader("WebP", (width & 0x3FFF, height & 0x3FFF), complete=complete)
    return None


def _read_bmp(data: _Bytes) -> PictureHeader:
    width, height = struct.unpack("<ii", data[18:26])
    return PictureHeader("BMP", (width, abs(height)))


def _read_gif(data: _Bytes) -> PictureHeader:
    size = struct.unpack("<HH", data[6:10])
    frames, at = 0, 13 + _colour_table(data[10])
    while at < len(data):
        match data[at]:
            case 0x3B:  # trailer
                return PictureHeader("GIF", size, frames > 1)
            case 0x2C:  # image descriptor, its colour table, the width of its codes
                frames += 1
                at += 10 + _colour_table(data[at + 9]) + 1
            case 0x21:  # extension and its label
                at += 2
            case _:
                break
        while data[at]:  # sub-blocks, up to an empty one
            at += data[at] + 1
        at += 1
    return PictureHeader("GIF", size, frames > 1, complete=False)


def _colour_table(flags: int) -> int:
    return 3 << (1 + (flags & 7)) if flags & 0x80 else 0


def _read_iso(data: _Bytes) -> PictureHeader | None:
    brand = data[8:12]
    if brand in _HEIF_BRANDS:
        return PictureHeader("HEIC")
    return PictureHeader("AVIF", animated=brand == b"avis") if brand[:3] == b"avi" else None


_READERS: tuple[tuple[bytes, int, Callable[[_Bytes], PictureHeader | None]], ...] = (
    (_PNG_SIGNATURE, 0, _read_png),
    (b"\xff\xd8\xff", 0, _read_jpeg),
    (b"RIFF", 0, _read_webp),
    (b"GIF8", 0, _read_gif),
    (b"BM", 0, _read_bmp),
    (b"ftyp", 4, _read_iso),
)
"""By signature and where it stands."""
