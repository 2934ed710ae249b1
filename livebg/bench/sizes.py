"""The sizes of frames that have a name."""

from __future__ import annotations

from livebg.types import Size, size_text

__all__ = ["NAMED_SIZES", "size_name"]

NAMED_SIZES: dict[str, Size] = {"720p": (1280, 720), "1080p": (1920, 1080), "4K": (3840, 2160)}
"""``(width, height)`` in pixels, by name."""


def size_name(size: Size) -> str:
    """Return the name of a size, or its sides.

    Example:
        >>> size_name((1280, 720)), size_name((640, 360))
        ('720p', '640x360')
    """
    names = (name for name, named in NAMED_SIZES.items() if named == size)
    return next(names, size_text(size))
