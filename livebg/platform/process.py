"""This process: what it uses, and what livebg's own programs set for the whole of it.

A program that uses livebg as a library keeps its settings: only the command line and the processes
that it starts call ``tune_process``.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
import threading
from pathlib import Path

__all__ = [
    "forget_code",
    "keep_freed_memory",
    "peak_memory_mib",
    "resident_memory_mib",
    "thread_count",
    "tune_process",
]

_ENVIRONMENT = {
    # OpenCV's stages take a fraction of a millisecond each: splitting them over cores costs more
    # processor time than it saves.
    "OPENCV_FOR_THREADS_NUM": "1",
    # A camera that is silent for so many seconds is lost; OpenCV would wait for ten.
    "OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT": "2",
    # What OpenCV, FFmpeg and Qt report on stderr: each of our errors is one sentence instead.
    "OPENCV_LOG_LEVEL": "ERROR",
    "OPENCV_FFMPEG_LOGLEVEL": "-8",
    "QT_LOGGING_RULES": "*.warning=false",
}
"""Variables that OpenCV and Qt read when they are loaded; those that the user has set stay."""


def tune_process() -> None:
    """Set threads, memory and messages for a process of livebg's own; call before OpenCV is loaded.

    Sets environment variables, which child processes inherit, and glibc's memory options.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    keep_freed_memory()


_STATUS = Path("/proc/self/status")


def peak_memory_mib() -> float | None:
    """Return the most memory that was ever resident, in MiB; None where the system does not tell.

    Linux's ``getrusage`` counts what the parent process held when it started this one; the high
    water mark in ``/proc`` does not.
    """
    peak_kib = _status("VmHWM")
    if peak_kib is not None:
        return peak_kib / 2**10
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def resident_memory_mib() -> float | None:
    """Return the memory that is resident now, in MiB; None where the system does not tell."""
    resident_kib = _status("VmRSS")
    return None if resident_kib is None else resident_kib / 2**10


def thread_count() -> int:
    """Return the number of threads, those of native libraries included where the system tells."""
    return _status("Threads") or threading.active_count()


def _status(field: str) -> int | None:
    """Return a number of ``/proc/self/status``; sizes are in KiB."""
    try:
        lines = _STATUS.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    found = next((line for line in lines if line.startswith(f"{field}:")), None)
    return None if found is None else int(found.split()[1])


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
    """Give back the memory of the code of a library, named by the beginning of its file's name.

    What of it runs again, the system brings back from the file. numba's compiler fills 50 MiB
    while it loads kernels, and has nothing more to do afterwards.
    """
    if sys.platform != "linux":
        return
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    for line in _MAPS.read_text(encoding="utf-8", errors="replace").splitlines():
        addresses, access, *_, name = line.split(maxsplit=5)
        # Code alone: it is as in the file, unlike the tables that the loader writes to.
        if access == "r-xp" and Path(name).name.startswith(library):
            first, end = (int(address, 16) for address in addresses.split("-"))
            madvise(first, end - first, mmap.MADV_DONTNEED)
