"""The memory of one frame, kept for the next."""

from __future__ import annotations

import ctypes
import sys

__all__ = ["keep_freed_memory"]

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT_BYTES = 64 * 2**20
_LARGEST_MMAP_THRESHOLD_BYTES = 32 * 2**20


def keep_freed_memory() -> None:
    """Have the C library reuse freed memory, up to 64 MiB, instead of giving it back at once.

    Frames and composites are megabytes that come and go with every frame. By default glibc returns
    them to the system, which hands out cleared pages again one by one: 100 to 500 page faults a
    frame, which cost as much as two copies of a 720p frame. Other C libraries are left as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
