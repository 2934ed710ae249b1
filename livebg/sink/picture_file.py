"""Writing one picture."""

from __future__ import annotations

from pathlib import Path

import cv2

from livebg.errors import InputError, SinkError
from livebg.sink.atomic import PartialFile, translate_write_errors
from livebg.types import Image

__all__ = ["WRITABLE_ENDINGS", "check_picture_path", "encode_png", "write_picture"]

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
