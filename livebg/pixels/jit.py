"""Whether numpy stands in for code that numba has not compiled yet.

Where the code that numba has compiled is kept, and whether all of it is there.

Numba's own choice, beside the source, may not be writable. It compiles anew when the file of a
function changes, but not when that of another function does which it calls, so there is a folder
for each state of this package.

Compiling numeric code with numba, once on each machine; ``jit_cache`` says where it is kept.

Views of pictures for compiled code.

Compiled code is made once for each combination of array kinds, hence every argument is passed as
a read-only, contiguous view.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import hashlib
import logging
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
from numba import njit
from numba.core import config, event
from numba.core.caching import FunctionCache
from numpy.typing import NDArray

from livebg.cache import cache_folder

__all__ = [
    "PIXEL",
    "Picture",
    "all_kept",
    "compiled",
    "forget_torn",
    "jit_cache_folder",
    "jit_fallback",
    "keep_all",
    "keep_nothing_more",
    "numpy_stands_in",
    "picture",
    "read_only",
]

_log = logging.getLogger(__name__)


_compiler: int | None = None
"""The thread that compiles."""


def numpy_stands_in() -> bool:
    """Say whether the calling thread is to use numpy's twin of compiled code for the moment."""
    return _compiler not in (None, threading.get_ident())


@contextmanager
def jit_fallback() -> Iterator[None]:
    """Let numpy stand in, in all threads but the calling one, for as long as the block runs."""
    global _compiler
    _compiler = threading.get_ident()
    try:
        yield
    finally:
        _compiler = None


_SOURCES = ("compose", "pixels", "temporal")
"""Where there is compiled code."""

_MARK = "complete"

_lost: list[Exception] = []
"""Why code of this process could not be kept."""


@functools.cache
def jit_cache_folder() -> Path:
    """Return the folder; ``NUMBA_CACHE_DIR`` overrides it.

    Where nothing may be written to the user's cache it is one of this process alone. Where no
    folder can be made at all it is missing.
    """
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    if chosen:
        return Path(chosen)
    folder = cache_folder() / "numba" / _state()
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    if os.access(folder, os.W_OK):
        return folder
    try:
        private = tempfile.mkdtemp(prefix="livebg-")
    except OSError:
        return folder
    atexit.register(shutil.rmtree, private, ignore_errors=True)
    return Path(private)


def all_kept() -> bool:
    """Say whether ``keep_all`` was called for the sources as they are."""
    return _mark().is_file()


def keep_all() -> None:
    """Note that all code has been compiled and kept, if it has been: the folder is there."""
    if not _lost:
        with contextlib.suppress(OSError):
            _mark().touch()


def keep_nothing_more(error: Exception) -> None:
    """Note that some code cannot be kept, so that nobody counts on it; say why, once."""
    if not _lost:
        reason = getattr(error, "strerror", None) or error
        _log.warning(
            "compiled code cannot be kept in %s (%s), so every start takes seconds longer; make "
            "room there",
            jit_cache_folder(),
            reason,
        )
    _lost.append(error)
    with contextlib.suppress(OSError):
        _mark().unlink()


def forget_torn() -> None:
    """Delete files that a crash of the system left empty: numba would stumble over them."""
    for path in jit_cache_folder().glob("*/*.nb?"):
        with contextlib.suppress(OSError):
            if path.stat().st_size == 0:
                path.unlink()


def _mark() -> Path:
    return jit_cache_folder() / f"{_MARK}-{_state()}"


@functools.cache
def _state() -> str:
    """Return a name for the sources as they are."""
    package = Path(__file__).parents[1]
    sources = sorted(source for name in _SOURCES for source in (package / name).glob("*.py"))
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:16]


os.environ.setdefault("NUMBA_CACHE_DIR", str(jit_cache_folder()))
forget_torn()


config.reload_config()  # type: ignore[no-untyped-call] # it may have been imported before


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


PIXEL = np.dtype([("blue", "u1"), ("green", "u1"), ("red", "u1")])


class Picture(NamedTuple):
    """Two views of the same rows.

    Attributes:
        pixels: ``(rows, W)`` of records: compiled code reads ``pixels[y, x].blue``.
        channels: ``(rows, W * 3)``: blue, green, red, blue, green, red ...
    """

    pixels: NDArray[Any]
    channels: NDArray[Any]


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """Return a read-only, contiguous view of ``array``."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


def picture(image: NDArray[np.uint8]) -> Picture:
    """Return views of ``image``, ``(H, W, 3)`` uint8 BGR; its records are ``PIXEL``."""
    image = read_only(image)
    return Picture(image.view(PIXEL)[..., 0], image.reshape(image.shape[0], -1))
