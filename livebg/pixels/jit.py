"""Compiling numeric code with numba, once on each machine; ``kept_code`` says where it is kept."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from livebg.pixels.kept_code import forget_torn, keep_nothing_more, kept_code_folder

os.environ.setdefault("NUMBA_CACHE_DIR", str(kept_code_folder()))
forget_torn()

from numba import njit  # noqa: E402 - reads NUMBA_CACHE_DIR when it is imported
from numba.core import config, event  # noqa: E402 - likewise
from numba.core.caching import FunctionCache  # noqa: E402 - likewise

config.reload_config()  # type: ignore[no-untyped-call] # it may have been imported before

__all__ = ["compiled"]

_log = logging.getLogger(__name__)

_Function = TypeVar("_Function", bound=Callable[..., Any])


def compiled(function: _Function) -> _Function:
    """Compile ``function`` at its first call; the result is kept on disk where that is possible."""
    dispatcher = njit(function, nogil=True, fastmath=True)
    try:
        dispatcher._cache = _KeptFunction(function)  # type: ignore[no-untyped-call]
    except (RuntimeError, OSError) as error:
        keep_nothing_more(error)
    return cast(_Function, dispatcher)


class _KeptFunction(FunctionCache):
    """Numba's files of one function, which may be damaged, on a disk that may be full."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return what was kept for a signature; None where there is nothing that can be used."""
        try:
            return super().load_overload(sig, target_context)  # type: ignore[no-untyped-call]
        except Exception:  # Whatever a damaged pickle may raise.
            _log.debug("kept code of %s is damaged", self._name, exc_info=True)
            self._forget()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep what was compiled for a signature, where that is possible."""
        try:
            super().save_overload(sig, data)  # type: ignore[no-untyped-call]
        except OSError as error:
            keep_nothing_more(error)

    def _forget(self) -> None:
        for path in Path(self.cache_path).glob(f"{self._impl.filename_base}.*"):
            with contextlib.suppress(OSError):
                path.unlink()


class _Notice(event.Listener):
    """Says so when something is compiled indeed: that is a wait of seconds, unlike a cache's."""

    def __init__(self) -> None:
        self._given = False

    def on_start(self, event: event.Event) -> None:
        """Log the first compilation of this package's code."""
        ours = event.data["dispatcher"].py_func.__module__.startswith("livebg.")
        if ours and not self._given:
            self._given = True
            _log.info("preparing livebg for this processor, once: about 15 s")

    def on_end(self, event: event.Event) -> None:
        """Leave the end unsaid."""


event.register("numba:compile", _Notice())  # type: ignore[no-untyped-call]
