"""Whether numpy stands in for code that numba has not compiled yet."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["numpy_stands_in", "standing_in"]

_compiler: int | None = None
"""The thread that compiles."""


def numpy_stands_in() -> bool:
    """Say whether the calling thread is to use numpy's twin of compiled code for the moment."""
    return _compiler not in (None, threading.get_ident())


@contextmanager
def standing_in() -> Iterator[None]:
    """Let numpy stand in, in all threads but the calling one, for as long as the block runs."""
    global _compiler
    _compiler = threading.get_ident()
    try:
        yield
    finally:
        _compiler = None
