"""Reading one picture."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from livebg.errors import InputError
from livebg.source.limits import PICTURE_LIMIT
from livebg.source.picture_header import PictureHeader, read_header
from livebg.source.readable import check_readable_file
from livebg.types import Image

__all__ = ["PICTURE_ENDINGS", "read_picture"]

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
