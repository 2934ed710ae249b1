"""The memory and the threads of this process, as the system counts them."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

__all__ = ["peak_memory_mib", "resident_memory_mib", "thread_count"]

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
