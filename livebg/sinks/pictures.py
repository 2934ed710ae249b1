"""Pictures on disk: one file, or a folder of numbered PNG pictures or alpha mattes."""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
from abc import abstractmethod
from pathlib import Path

import cv2

from livebg.atomic import PartialFile, translate_path_errors, translate_write_errors
from livebg.errors import InputError, SinkError
from livebg.frame import BGR, Composite, Image
from livebg.sinks.base import Sink, repacked

__all__ = ["AlphaFolder", "PictureFolderSink", "check_picture_path", "write_picture"]

_ENCODING: dict[str, tuple[int, ...]] = {
    ".png": (cv2.IMWRITE_PNG_COMPRESSION, 3),
    ".jpg": (cv2.IMWRITE_JPEG_QUALITY, 95),
    ".jpeg": (cv2.IMWRITE_JPEG_QUALITY, 95),
    ".webp": (cv2.IMWRITE_WEBP_QUALITY, 95),
}

_QUICK_PNG = (cv2.IMWRITE_PNG_COMPRESSION, 1)
"""For folders: packed quickly rather than tightly."""

_OPAQUE_ENDINGS = (".jpg", ".jpeg")
_WEBP_MAX_SIDE = 16383


def check_picture_path(path: Path, *, transparent: bool = False) -> None:
    """Refuse an ending that cannot be written, before any work is done.

    Raises:
        InputError: the ending is unknown, or a JPEG would have to be transparent.
    """
    ending = path.suffix.lower()
    if ending not in _ENCODING:
        raise InputError(
            f"{path}: a picture cannot be written with the ending {path.suffix or '(none)'!r}, "
            f"use {', '.join(_ENCODING)}"
        )
    if transparent and ending in _OPAQUE_ENDINGS:
        raise InputError(f"{path}: JPEG pictures cannot be transparent, use .png or .webp")


def write_picture(path: Path, image: Image) -> None:
    """Write a picture in the format of its ending; a file that is there is replaced at the end.

    Args:
        path: PNG, JPEG or WebP by its ending.
        image: ``(H, W)`` grey, ``(H, W, 3)`` BGR or, for PNG and WebP, ``(H, W, 4)`` BGRA with
            straight alpha; uint8, not altered.

    Raises:
        InputError: the ending is unknown, JPEG cannot hold transparency, WebP cannot hold the
            size, or the folder is missing or not writable.
        SinkError: writing failed, for example because the disk is full.
    """
    check_picture_path(path, transparent=image.ndim == 3 and image.shape[2] == 4)
    ending = path.suffix.lower()
    if ending == ".webp" and max(image.shape[:2]) > _WEBP_MAX_SIDE:
        raise InputError(
            f"{path}: WebP holds up to {_WEBP_MAX_SIDE} pixels on a side, use .png for this picture"
        )
    with PartialFile(path) as partial:
        partial.write(_encode(ending, image, _ENCODING[ending]))


def _encode(ending: str, image: Image, parameters: tuple[int, ...]) -> bytes:
    try:
        done, content = cv2.imencode(ending, image, parameters)
    except cv2.error as error:
        raise SinkError(
            f"a picture of shape {image.shape} cannot be encoded: {error.err}"
        ) from error
    if not done:
        raise SinkError(f"a picture of shape {image.shape} cannot be encoded as {ending}")
    return content.tobytes()


class _NumberedPictures(Sink):
    """Writes one PNG a composite, numbered by running count: ``<prefix>_0000.png`` is the first.

    Pictures are written into a hidden subfolder. ``close`` moves them into place, replaces those of
    the same name and deletes those with higher numbers: the folder then holds one run's pictures,
    not the rest of an earlier, longer one. Other files are not touched; ``abort`` leaves the folder
    as it was.
    """

    _prefix: str

    def __init__(self, path: Path) -> None:
        self.name = f"{path}/{self._prefix}_*.png"
        self._folder = path
        self._count = 0
        self._closed = False
        with translate_path_errors(path):
            self._created = not path.exists()
            if not self._created and not path.is_dir():
                raise InputError(f"{path}: this is a file, name a folder to write pictures into")
            path.mkdir(parents=True, exist_ok=True)
            self._hidden = Path(tempfile.mkdtemp(prefix=".livebg-partial-", dir=path))

    @abstractmethod
    def picture(self, composite: Composite) -> Image:
        """Return the picture of ``composite`` to write: uint8, grey, BGR or BGRA.

        Raises:
            SinkError: the composite does not hold it.
        """

    def send(self, composite: Composite) -> None:
        """Write one picture.

        Raises:
            SinkError: it cannot be written, or the sink is closed.
        """
        if self._closed:
            raise SinkError(f"{self.name}: the sink is closed, open it again")
        content = _encode(".png", self.picture(composite), _QUICK_PNG)
        with translate_write_errors(self._folder):
            (self._hidden / self._file_name(self._count)).write_bytes(content)
        self._count += 1

    def close(self) -> None:
        """Move the pictures into place. Idempotent.

        Raises:
            SinkError: they cannot be moved.
        """
        if self._closed:
            return
        self._closed = True
        try:
            with translate_write_errors(self._folder):
                for number in range(self._count):
                    name = self._file_name(number)
                    (self._hidden / name).replace(self._folder / name)
                for path in self._outdated():
                    path.unlink()
        finally:
            self._clean_up()

    def abort(self) -> None:
        """Leave the folder as it was. Idempotent."""
        if not self._closed:
            self._closed = True
            self._clean_up()

    def _clean_up(self) -> None:
        shutil.rmtree(self._hidden, ignore_errors=True)
        if self._created:
            with contextlib.suppress(OSError):  # there are pictures in it
                self._folder.rmdir()

    def _file_name(self, number: int) -> str:
        return f"{self._prefix}_{number:04d}.png"

    def _outdated(self) -> list[Path]:
        pattern = re.compile(rf"{re.escape(self._prefix)}_(\d{{4,}})\.png")
        found = ((path, pattern.fullmatch(path.name)) for path in self._folder.iterdir())
        return [path for path, match in found if match and int(match[1]) >= self._count]


class PictureFolderSink(_NumberedPictures):
    """Writes composites as ``frame_0000.png``, ``frame_0001.png`` ...: BGR or BGRA as they come.

    Args:
        path: the folder; created if missing.

    Raises:
        InputError: ``path`` is no folder or cannot be written to.
    """

    _prefix = "frame"

    def picture(self, composite: Composite) -> Image:
        """Return the composite's picture."""
        return repacked(composite, BGR)


class AlphaFolder(_NumberedPictures):
    """Writes mattes as ``alpha_0000.png``, ``alpha_0001.png`` ...: 8-bit grey, at full size.

    Raises like ``PictureFolderSink``.
    """

    pixel_format = None
    wants_alpha = True
    card_policy = "never"
    _prefix = "alpha"

    def picture(self, composite: Composite) -> Image:
        """Return the composite's matte; raises SinkError if it carries none."""
        if composite.alpha is None:
            raise SinkError(
                f"{self.name}: frame {composite.index} came without its matte, ask the pipeline "
                "for mattes"
            )
        return composite.alpha
