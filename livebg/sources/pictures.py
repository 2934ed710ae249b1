"""What the first bytes of a picture say of it, read without decoding it.

Reading one picture.

A folder of pictures as a source, in the order of their names.
"""

from __future__ import annotations

import mmap
import re
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from livebg.clock import NS_PER_S
from livebg.errors import DamagedFileError, EndOfStreamError, InputError, SourceError
from livebg.frame import Frame, Image, Size
from livebg.sources.base import PICTURE_LIMIT, Source, SourceInfo, check_readable_file

__all__ = [
    "PICTURE_ENDINGS",
    "PictureFolder",
    "PictureHeader",
    "list_pictures",
    "read_header",
    "read_picture",
]


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


PICTURE_ENDINGS = (
    ".png", ".jpg", ".jpeg", ".jpe", ".webp", ".bmp", ".tif", ".tiff",
    ".gif", ".avif", ".ppm", ".pgm", ".jp2",
)  # fmt: skip
"""Endings, in lower case, of the pictures that can be read."""

_MAX_FILE_BYTES = 512 * 1024 * 1024


def read_picture(path: Path) -> Image:
    """Read a picture upright (EXIF orientation), as 8-bit BGR.

    Grey, palette and 16-bit pictures are converted; transparency is dropped, not composed.

    Args:
        path: a file in any format of ``PICTURE_ENDINGS``, whatever its own ending.

    Returns:
        ``(H, W, 3)`` uint8 BGR, C-contiguous, owned by the caller.

    Raises:
        InputError: the file is missing, empty, no picture, cut short, animated, or too large.

    Example:
        >>> read_picture(Path("portrait.jpg")).shape  # doctest: +SKIP
        (1080, 1920, 3)
    """
    check_readable_file(path)
    if path.stat().st_size > _MAX_FILE_BYTES:
        raise InputError(f"{path}: this is too large a file for a picture, name a picture")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: the picture cannot be read ({error.strerror})") from error
    _check_header(read_header(data), path)
    with _quiet_opencv():
        try:
            image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        except cv2.error as error:
            raise InputError(
                f"{path}: the picture cannot be decoded, convert it to PNG or JPEG"
            ) from error
    if image is None:
        raise InputError(
            f"{path}: this is not a picture that can be read, or it is damaged; name a PNG, JPEG "
            "or WebP file"
        )
    PICTURE_LIMIT.check((image.shape[1], image.shape[0]), path)
    return np.ascontiguousarray(image, dtype=np.uint8)


def _check_header(header: PictureHeader | None, path: Path) -> None:
    """Refuse what OpenCV would read wrongly, at a huge cost, or not at all."""
    if header is None:
        return
    if header.kind == "HEIC":
        raise InputError(f"{path}: HEIC pictures cannot be read, convert it to JPEG")
    if header.size is not None:
        PICTURE_LIMIT.check(header.size, path)
    if not header.complete:
        raise InputError(f"{path}: the {header.kind} picture is cut short, get a whole copy of it")
    if header.animated:
        raise InputError(
            f"{path}: this {header.kind} is animated; use `livebg video` for it, or name a still "
            "picture"
        )


@contextmanager
def _quiet_opencv() -> Iterator[None]:
    """Keep OpenCV from printing what we say in a sentence of our own."""
    logging = cv2.utils.logging
    level = logging.setLogLevel(logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        logging.setLogLevel(level)


_MATTE_NAME = re.compile(r"alpha_\d{4,}\.png", re.IGNORECASE)
_DIGITS = re.compile(r"(\d+)")


class PictureFolder(Source):
    """Reads the pictures of a folder, in natural order of their names, at a constant rate.

    What ``list_pictures`` returns is read; every picture must have the size of the first.

    Args:
        path: the folder.
        frame_rate: frames per second; above 0.

    Raises:
        InputError: the folder is missing or holds no picture; the first cannot be read; two
            pictures differ in size.
        ValueError: ``frame_rate`` is not above 0.

    Example:
        >>> with PictureFolder(Path("frames"), Fraction(25)) as pictures:  # doctest: +SKIP
        ...     print(pictures.info.frame_count)
    """

    def __init__(self, path: Path, frame_rate: Fraction) -> None:
        if frame_rate <= 0:
            raise ValueError(f"a folder of pictures cannot have {frame_rate} frames per second")
        self._paths = list_pictures(path)
        self._first: Image | None = read_picture(self._paths[0])
        _check_stored_sizes(self._paths)
        self._index = 0
        self._closed = False
        self._info = SourceInfo(
            name=path.resolve().name,
            size=_size(self._first),
            frame_rate=frame_rate,
            frame_count=len(self._paths),
            live=False,
        )

    @property
    def info(self) -> SourceInfo:
        """Size of the first picture, the given rate, and the number of pictures."""
        return self._info

    def read(self) -> Frame:
        """Return the next picture.

        Raises:
            EndOfStreamError: there is no further picture.
            DamagedFileError: the picture cannot be read, or has another size than the first.
            SourceError: the source is closed.
        """
        if self._closed:
            raise SourceError(f"{self._info.name}: the folder is closed, open it again")
        if self._index == len(self._paths):
            raise EndOfStreamError(f"{self._info.name}: there is no further picture")
        image = self._read_image(self._paths[self._index])
        assert self._info.frame_rate is not None
        frame = Frame(image, self._index, round(self._index * NS_PER_S / self._info.frame_rate))
        self._index += 1
        return frame

    def close(self) -> None:
        """Forget the pictures. Idempotent."""
        self._closed = True
        self._first = None

    def _read_image(self, path: Path) -> Image:
        image, self._first = self._first, None
        if image is None:
            try:
                image = read_picture(path)
            except InputError as error:
                raise DamagedFileError(str(error)) from error
        if _size(image) != self._info.size:
            raise DamagedFileError(
                _sizes_differ(self._paths[0], self._info.size, path, _size(image))
            )
        return image


def list_pictures(folder: Path) -> list[Path]:
    """Return the pictures of a folder in natural order of their names: ``f2`` before ``f10``.

    Other files, hidden ones and subfolders are passed over. So are livebg's own mattes
    (``alpha_0000.png`` ..., as ``--alpha`` writes them) where other pictures lie beside them: the
    folder is then one that livebg wrote into, or a test clip with its truth, and a matte is not a
    frame. A folder that holds nothing else is read: then the mattes are what is wanted.

    Raises:
        InputError: ``folder`` is missing, is no folder, cannot be read, or holds no picture.
    """
    try:
        files = [
            path
            for path in folder.iterdir()
            if path.suffix.lower() in PICTURE_ENDINGS
            and not path.name.startswith(".")
            and path.is_file()
        ]
    except OSError as error:
        raise InputError(
            f"{folder}: the folder cannot be read ({error.strerror}), check the path"
        ) from error
    pictures = [path for path in files if not _MATTE_NAME.fullmatch(path.name)] or files
    if not pictures:
        raise InputError(
            f"{folder}: there is no picture in this folder, put PNG, JPEG or WebP files into it"
        )
    return sorted(pictures, key=_natural)


def _natural(path: Path) -> tuple[list[tuple[int, str]], str]:
    # Split at digits, texts and numbers alternate, so that equal places hold equal kinds.
    parts = _DIGITS.split(path.name.casefold())
    key = [(int(part), "") if part.isdecimal() else (0, part) for part in parts]
    return key, path.name


def _check_stored_sizes(paths: Sequence[Path]) -> None:
    """Refuse mixed sizes before any work is done, as far as headers tell them."""
    first: tuple[Path, Size] | None = None
    for path in paths:
        size = _stored_size(path)
        if size is None:
            continue
        if first is None:
            first = (path, size)
        # A picture may be stored on its side and turned by its EXIF orientation.
        elif size not in (first[1], first[1][::-1]):
            raise InputError(_sizes_differ(*first, path, size))


def _stored_size(path: Path) -> Size | None:
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            header = read_header(data)
    except (OSError, ValueError):  # an empty file cannot be mapped
        raise InputError(f"{path}: the picture is empty or cannot be read, remove it") from None
    return header.size if header is not None else None


def _sizes_differ(first: Path, first_size: Size, other: Path, other_size: Size) -> str:
    return (
        f"the pictures of a folder must have one size, but {first} has "
        f"{first_size[0]}x{first_size[1]} pixels and {other} has {other_size[0]}x{other_size[1]}; "
        "scale them or move them apart"
    )


def _size(image: Image) -> Size:
    return image.shape[1], image.shape[0]
