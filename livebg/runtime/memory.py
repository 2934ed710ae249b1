"""The memory of the process: how much it takes, and that it is not given back between frames."""

from __future__ import annotations

import ctypes
import sys

__all__ = ["keep_freed_memory", "peak_memory_mib"]

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


def peak_memory_mib() -> float | None:
    """Return the largest resident memory of this process so far, in MiB, where it is known."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10
