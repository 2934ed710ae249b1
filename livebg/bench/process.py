"""The memory and the threads of this process, as the system counts them."""

from __future__ import annotations

import threading
from pathlib import Path

from livebg.runtime.memory import peak_memory_mib

__all__ = ["peak_mib", "resident_mib", "thread_count"]

_STATUS = Path("/proc/self/status")


def peak_mib() -> float | None:
    """Return the most memory that was ever resident, in MiB; None where the system does not tell.

    Linux's ``getrusage`` counts what the parent process held when it started this one; the high
    water mark in ``/proc`` does not.
    """
    peak_kib = _status("VmHWM")
    return peak_memory_mib() if peak_kib is None else peak_kib / 1024


def resident_mib() -> float | None:
    """Return the memory that is resident now, in MiB; None where the system does not tell."""
    resident_kib = _status("VmRSS")
    return None if resident_kib is None else resident_kib / 1024


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
