"""Compiling numeric code with numba, once on each machine; ``kept_code`` says where it is kept."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Any, TypeVar, cast

from livebg.pixels.kept_code import forget_torn, kept_code_folder

os.environ.setdefault("NUMBA_CACHE_DIR", str(kept_code_folder()))
forget_torn()

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
