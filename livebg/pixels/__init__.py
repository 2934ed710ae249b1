"""Pixel formats, and the compiler for code that works on pixels."""

from __future__ import annotations

import functools
import logging

__all__ = ["has_numba"]

_log = logging.getLogger(__name__)


@functools.cache
def has_numba() -> bool:
    """Return whether numba can be imported. Without it numpy and OpenCV do its work, slower."""
    try:
        import numba  # noqa: F401
    except ImportError as error:
        _log.warning("numba cannot be imported (%s): livebg works without it, but slower", error)
        return False
    return True
