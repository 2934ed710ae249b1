"""Memory that is kept for the next frame, and memory that nobody will need again."""

from __future__ import annotations

import ctypes
import mmap
import sys
from pathlib import Path

__all__ = ["forget_code", "keep_freed_memory"]

_MAPS = Path("/proc/self/maps")

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


def forget_code(library: str) -> None:
    """Give back the memory that a library's code takes, where the system lets us.

    What of it runs again, the system brings back from the file. numba's compiler fills 50 MiB
    while it loads kernels, and has nothing more to do afterwards.

    Args:
        library: the beginning of its file's name.
    """
    if sys.platform != "linux":
        return
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    for line in _MAPS.read_text(encoding="utf-8", errors="replace").splitlines():
        addresses, access, *_, name = line.split(maxsplit=5)
        # Code alone: nobody has written to it, as the loader has to the library's tables.
        if access == "r-xp" and Path(name).name.startswith(library):
            first, end = (int(address, 16) for address in addresses.split("-"))
            madvise(first, end - first, mmap.MADV_DONTNEED)
