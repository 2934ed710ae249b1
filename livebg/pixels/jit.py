"""Compiling numeric code with numba, once on each machine.

The machine code is kept in the user's cache folder: numba's own choice, beside the source, may not
be writable. Numba compiles anew when the file of a function changes, but not when that of another
function does which it calls, so there is a folder for each state of this package.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from livebg.cache import cache_folder

_FOLDERS = ("compose", "pixels", "temporal")
"""Where there is compiled code."""


def _state() -> str:
    """Return a name for the sources as they are."""
    package = Path(__file__).parents[1]
    sources = sorted(source for name in _FOLDERS for source in (package / name).glob("*.py"))
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:16]


os.environ.setdefault("NUMBA_CACHE_DIR", str(cache_folder() / "numba" / _state()))

from numba import njit  # noqa: E402 - reads NUMBA_CACHE_DIR when it is imported
from numba.core import config, event  # noqa: E402 - likewise

config.reload_config()  # type: ignore[no-untyped-call] # it may have been imported before

__all__ = ["compiled"]

_log = logging.getLogger(__name__)

_Function = TypeVar("_Function", bound=Callable[..., Any])


def compiled(function: _Function) -> _Function:
    """Compile ``function`` at its first call; the result is kept on disk where that is possible."""
    try:
        return cast(_Function, njit(function, cache=True, nogil=True, fastmath=True))
    except RuntimeError as error:
        _log.info("compiled code is not kept, every start takes seconds longer: %s", error)
        return cast(_Function, njit(function, nogil=True, fastmath=True))


class _Notice(event.Listener):
    """Says so when something is compiled indeed: that is a wait of seconds, unlike a cache's."""

    def __init__(self) -> None:
        self._given = False

    def on_start(self, event: event.Event) -> None:
        """Log the first compilation of this package's code."""
        ours = event.data["dispatcher"].py_func.__module__.startswith("livebg.")
        if ours and not self._given:
            self._given = True
            _log.info("compiling the compositing kernel for this machine: once, some seconds")

    def on_end(self, event: event.Event) -> None:
        """Leave the end unsaid."""


event.register("numba:compile", _Notice())  # type: ignore[no-untyped-call]
