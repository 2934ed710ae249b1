"""A folder of pictures as a source, in the order of their names."""

from __future__ import annotations

import mmap
import re
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from livebg.clock import NS_PER_S
from livebg.errors import DamagedFileError, EndOfStreamError, InputError, SourceError
from livebg.source.base import Source, SourceInfo
from livebg.source.picture import PICTURE_ENDINGS, read_picture
from livebg.source.picture_header import read_header
from livebg.types import Frame, Image, Size

__all__ = ["PictureFolder", "list_pictures"]

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
