"""Writing one picture.

Folders of numbered PNG pictures as sinks.

Alpha mattes as a folder of PNG pictures.
"""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path

import cv2

from livebg.atomic import PartialFile, StagedFolder, translate_write_errors
from livebg.errors import InputError, SinkError
from livebg.frame import BGR, Composite, Image
from livebg.sinks.base import Sink, repacked

__all__ = [
    "WRITABLE_ENDINGS",
    "AlphaFolder",
    "NumberedPictures",
    "PictureFolderSink",
    "check_picture_path",
    "encode_png",
    "write_picture",
]


_ENCODING: dict[str, tuple[int, ...]] = {
    ".png": (cv2.IMWRITE_PNG_COMPRESSION, 3),
    ".jpg": (cv2.IMWRITE_JPEG_QUALITY, 95),
    ".jpeg": (cv2.IMWRITE_JPEG_QUALITY, 95),
    ".webp": (cv2.IMWRITE_WEBP_QUALITY, 95),
}

WRITABLE_ENDINGS = tuple(_ENCODING)
"""Endings, in lower case, of the pictures that can be written."""

_OPAQUE_ENDINGS = (".jpg", ".jpeg")
_WEBP_MAX_SIDE = 16383


def check_picture_path(path: Path, *, transparent: bool = False) -> None:
    """Refuse an ending that cannot be written, before any work is done.

    Args:
        path: the picture to write later.
        transparent: whether it will have an alpha channel.

    Raises:
        InputError: the ending is unknown, or a JPEG would have to be transparent.
    """
    ending = path.suffix.lower()
    if ending not in _ENCODING:
        raise InputError(
            f"{path}: a picture cannot be written with the ending {path.suffix or '(none)'!r}, "
            f"use {', '.join(WRITABLE_ENDINGS)}"
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
        SinkError: writing failed: the disk is full, say.

    Example:
        >>> write_picture(Path("card.png"), image)  # doctest: +SKIP
    """
    check_picture_path(path, transparent=image.ndim == 3 and image.shape[2] == 4)
    ending = path.suffix.lower()
    if ending == ".webp" and max(image.shape[:2]) > _WEBP_MAX_SIDE:
        raise InputError(
            f"{path}: WebP holds up to {_WEBP_MAX_SIDE} pixels on a side, use .png for this picture"
        )
    partial = PartialFile(path)
    try:
        with translate_write_errors(path):
            partial.path.write_bytes(_encode(ending, image, _ENCODING[ending]))
        partial.commit()
    finally:
        partial.discard()


def encode_png(image: Image) -> bytes:
    """Return ``image`` as a PNG file, packed quickly rather than tightly.

    Args:
        image: ``(H, W)`` grey, ``(H, W, 3)`` BGR or ``(H, W, 4)`` BGRA, uint8.

    Raises:
        SinkError: it cannot be encoded.
    """
    return _encode(".png", image, (cv2.IMWRITE_PNG_COMPRESSION, 1))


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


class NumberedPictures(Sink):
    """Writes one picture a composite, numbered by running count, the first 0000.

    The pictures are in the folder once the sink is closed; ``abort`` leaves it as it was. Those of
    an earlier run are replaced, also where that run was longer.

    Args:
        path: the folder; created if missing.
        prefix: what the names start with: ``<prefix>_0000.png``.

    Raises:
        InputError: ``path`` is no folder or cannot be written to.
    """

    def __init__(self, path: Path, prefix: str) -> None:
        self.name = f"{path}/{prefix}_*.png"
        self._folder = StagedFolder(path, prefix)
        self._closed = False

    @abstractmethod
    def picture(self, composite: Composite) -> Image:
        """Return what of ``composite`` is written: uint8, grey, BGR or BGRA.

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
        self._folder.write(encode_png(self.picture(composite)))

    def close(self) -> None:
        """Move the pictures into place. Idempotent.

        Raises:
            SinkError: they cannot be moved.
        """
        if not self._closed:
            self._closed = True
            try:
                self._folder.commit()
            finally:
                self._folder.discard()

    def abort(self) -> None:
        """Leave the folder as it was. Idempotent."""
        self._closed = True
        self._folder.discard()


class PictureFolderSink(NumberedPictures):
    """Writes composites as ``frame_0000.png``, ``frame_0001.png`` ...: BGR or BGRA as they come.

    Args:
        path: the folder; created if missing.

    Raises:
        InputError: ``path`` is no folder or cannot be written to.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "frame")

    def picture(self, composite: Composite) -> Image:
        """Return the composite's picture."""
        return repacked(composite, BGR)


class AlphaFolder(NumberedPictures):
    """Writes mattes as ``alpha_0000.png``, ``alpha_0001.png`` ...: 8-bit grey, at full size.

    Args:
        path: the folder; created if missing.

    Raises:
        InputError: ``path`` is no folder or cannot be written to.
    """

    pixel_format = None

    def __init__(self, path: Path) -> None:
        super().__init__(path, "alpha")

    def picture(self, composite: Composite) -> Image:
        """Return the composite's matte.

        Raises:
            SinkError: it carries none.
        """
        if composite.alpha is None:
            raise SinkError(
                f"{self.name}: frame {composite.index} came without its matte, ask the pipeline "
                "for mattes"
            )
        return composite.alpha
