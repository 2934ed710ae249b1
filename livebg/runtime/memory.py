"""How much memory the process has taken."""

from __future__ import annotations

import sys

__all__ = ["peak_memory_mib"]


def peak_memory_mib() -> float | None:
    """Return the largest resident memory of this process so far, in MiB, where it is known."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10
