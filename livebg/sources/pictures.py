"""Still pictures: one file, or the files of a folder as frames."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from livebg.clock import NS_PER_S
from livebg.errors import DamagedFileError, EndOfStreamError, InputError, SourceError
from livebg.frame import Frame, Image, Size, size_text
from livebg.sources.base import Source, SourceInfo, check_readable_file, check_size

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

__all__ = ["PICTURE_ENDINGS", "PictureFolder", "list_pictures", "read_picture"]

PICTURE_ENDINGS = (
    ".png", ".jpg", ".jpeg", ".jpe", ".webp", ".bmp", ".tif", ".tiff",
    ".gif", ".avif", ".ppm", ".pgm", ".jp2",
)  # fmt: skip
"""Endings, in lower case, of the pictures that can be read."""

_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "AVIF", "PPM", "JPEG2000")
"""Pillow's names of the same formats."""

_ANIMATED = frozenset({"PNG", "WEBP", "GIF", "AVIF"})
"""Formats whose further pictures are frames; those of TIFF and JPEG are pages and views."""

_MAX_SIDE, _MAX_MEGAPIXELS = 16384, 64
"""Pictures of phones and panoramas fit."""

_CUT_SHORT = "the picture is cut short or damaged; get a whole copy, or convert it to PNG or JPEG"


def read_picture(path: Path) -> Image:
    """Read a picture upright (EXIF orientation), as 8-bit BGR.

    Grey, palette and 16-bit pictures are converted; transparency is dropped, not composed.

    Args:
        path: a file in any format of ``PICTURE_ENDINGS``, whatever its own ending.

    Returns:
        ``(H, W, 3)`` uint8 BGR, C-contiguous, owned by the caller.

    Raises:
        InputError: the file is missing, empty, no picture, cut short, animated, or too large; its
            size is checked before memory is taken for its pixels.
    """
    with _opened(path) as picture:
        if picture.format in _ANIMATED and getattr(picture, "is_animated", False):
            raise InputError(
                f"{path}: this {picture.format} picture is animated; use `livebg video` for it, or "
                "name a still picture"
            )
        data = path.read_bytes()
        image = None
        # OpenCV decodes in a third of Pillow's time, but fills up what is missing with grey.
        if _has_its_end(data, picture):
            with _quiet_opencv():
                image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        if image is None:
            raise InputError(f"{path}: {_CUT_SHORT}")
    return np.ascontiguousarray(image, dtype=np.uint8)


def _has_its_end(data: bytes, picture: ImageFile) -> bool:
    """Say whether a picture, opened as far as its header, has its end; True if it is not known."""
    match picture.format:
        case "PNG":
            return data.rfind(b"IEND") >= 0
        case "JPEG" | "MPO":  # a thumbnail in the header has an end of its own
            return data.find(b"\xff\xd9", picture.fp.tell() if picture.fp else 0) >= 0
        case "WEBP":
            return len(data) >= 8 + int.from_bytes(data[4:8], "little")
    return True


@contextmanager
def _quiet_opencv() -> Iterator[None]:
    """Keep OpenCV from printing what becomes an error of our own."""
    logging = cv2.utils.logging
    level = logging.setLogLevel(logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        logging.setLogLevel(level)


@contextmanager
def _opened(path: Path) -> Iterator[ImageFile]:
    """Open a picture as far as its header; what fails in the block becomes an InputError."""
    from PIL import Image as pillow
    from PIL import UnidentifiedImageError

    check_readable_file(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd metadata, and of many pixels: those are counted
        try:
            with pillow.open(path, formats=_FORMATS) as picture:
                check_size(path, picture.size, max_side=_MAX_SIDE, max_megapixels=_MAX_MEGAPIXELS)
                yield picture
        except InputError:
            raise
        except pillow.DecompressionBombError as error:
            raise InputError(
                f"{path}: its pixels are too many, scale it down to {_MAX_MEGAPIXELS} megapixels"
            ) from error
        except UnidentifiedImageError as error:
            if path.suffix.lower() in (".heic", ".heif"):
                problem = "HEIC pictures cannot be read, convert it to JPEG"
            else:
                problem = "this is not a picture, or damaged; name a PNG, JPEG or WebP file"
            raise InputError(f"{path}: {problem}") from error
        except Exception as error:  # Pillow and OpenCV raise anything on a damaged file
            raise InputError(f"{path}: {_CUT_SHORT}") from error


_MATTE_NAME = re.compile(r"alpha_\d{4,}\.png", re.IGNORECASE)
_DIGITS = re.compile(r"(\d+)")


class PictureFolder(Source):
    """The pictures of a folder, in natural order of their names, at a constant rate.

    The pictures are those of ``list_pictures``; every one must have the size of the first.

    Args:
        path: the folder.
        frame_rate: frames per second; above 0.

    Raises:
        InputError: the folder is missing or holds no picture; the header of one cannot be read;
            two pictures differ in size.
    """

    def __init__(self, path: Path, frame_rate: Fraction) -> None:
        self._paths = list_pictures(path)
        self._check_stored_sizes()
        first = read_picture(self._paths[0])
        self._index = 0
        self._closed = False
        self._frame_rate = frame_rate
        self._info = SourceInfo(
            name=path.resolve().name,
            size=_size(first),
            frame_rate=frame_rate,
            frame_count=len(self._paths),
            live=False,
        )

    @property
    def info(self) -> SourceInfo:
        """Size of the first picture, the given rate, and the number of pictures."""
        return self._info

    def read(self) -> Frame:
        """Return the next picture; see ``Source.read``.

        Raises:
            DamagedFileError: the picture cannot be read, or has another size than the first.
        """
        if self._closed:
            raise SourceError(f"{self._info.name}: the folder is closed, open it again")
        if self._index == len(self._paths):
            raise EndOfStreamError(f"{self._info.name}: there is no further picture")
        path = self._paths[self._index]
        try:
            image = read_picture(path)
        except InputError as error:
            raise DamagedFileError(str(error)) from error
        if _size(image) != self._info.size:
            raise DamagedFileError(self._other_size(path, _size(image), self._info.size))
        frame = Frame(image, self._index, round(self._index * NS_PER_S / self._frame_rate))
        self._index += 1
        return frame

    def close(self) -> None:
        """Refuse further reads. Idempotent."""
        self._closed = True

    def _check_stored_sizes(self) -> None:
        """Refuse pictures of several sizes by their headers, before any work is done."""
        first: Size | None = None
        for path in self._paths:
            with _opened(path) as picture:
                size = picture.size
            first = first or size
            # A picture may be stored on its side and turned by its EXIF orientation.
            if size not in (first, first[::-1]):
                raise InputError(self._other_size(path, size, first))

    def _other_size(self, path: Path, size: Size, first_size: Size) -> str:
        return (
            f"the pictures of a folder must have one size, but {self._paths[0]} has "
            f"{size_text(first_size)} pixels and {path} has {size_text(size)}; scale them or move "
            "them apart"
        )


def list_pictures(folder: Path) -> list[Path]:
    """Return the pictures of a folder in natural order of their names: ``f2`` before ``f10``.

    Other files, hidden ones and subfolders are skipped. So are mattes that livebg wrote
    (``alpha_0000.png`` ..., from ``--alpha``) if there are other pictures beside them; a folder
    with nothing but mattes is read.

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


def _size(image: Image) -> Size:
    return image.shape[1], image.shape[0]
