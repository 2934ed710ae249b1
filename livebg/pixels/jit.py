"""Compilation of numeric code with numba, once per machine, and its arguments.

The code is kept in the user's cache. Numba compiles a function anew when its own file changes, but
not when a function that it calls has changed in another file; so there is a folder for each state
of the sources.

Code is compiled for each combination of array types: every array is passed as a read-only,
contiguous view, so that there is one.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
from numba import njit
from numba.core.caching import CompileResultCacheImpl, FunctionCache, _CacheLocator
from numpy.typing import NDArray

from livebg.cache import cache_folder

__all__ = ["PIXEL", "Picture", "compiled", "jit_cache_folder", "picture", "read_only"]

_log = logging.getLogger(__name__)

_COMPILED_PACKAGES = ("compositing", "matting", "pixels")
_Function = TypeVar("_Function", bound=Callable[..., Any])


@functools.cache
def jit_cache_folder() -> Path:
    """Return the folder of the compiled code; it need not exist yet."""
    package = Path(__file__).parents[1]
    sources = sorted(file for name in _COMPILED_PACKAGES for file in (package / name).glob("*.py"))
    state = hashlib.sha256(b"".join(source.read_bytes() for source in sources))
    return cache_folder() / "numba" / state.hexdigest()[:16]


def compiled(function: _Function) -> _Function:
    """Compile ``function`` at its first call, or load its code from the cache."""
    dispatcher = njit(function, nogil=True, fastmath=True)
    dispatcher._cache = _JitCache(function)  # type: ignore[no-untyped-call]
    return cast(_Function, dispatcher)


class _Locator(_CacheLocator):
    """Tells numba where a function's files lie, whatever its own settings say."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._line = function.__code__.co_firstlineno

    @classmethod
    def from_function(cls, py_func: Callable[..., Any], py_file: str) -> _Locator:
        return cls(py_func)

    def get_cache_path(self) -> str:
        return str(jit_cache_folder())

    def get_source_stamp(self) -> str:
        return jit_cache_folder().name

    def get_disambiguator(self) -> str:
        return str(self._line)


class _JitCacheFiles(CompileResultCacheImpl):
    _locator_classes: Any = (_Locator,)


class _JitCache(FunctionCache):
    """Numba's cache of one function, whose files may be damaged, on a disk that may be full."""

    _impl_class = _JitCacheFiles

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the code for a signature, or None where it has to be compiled."""
        code = None
        try:
            code = super().load_overload(sig, target_context)  # type: ignore[no-untyped-call]
        except Exception:  # A damaged pickle may raise anything.
            _log.debug("the compiled code of %s is damaged", self._name, exc_info=True)
            for path in jit_cache_folder().glob(f"{self._impl.filename_base}.*"):
                with contextlib.suppress(OSError):
                    path.unlink()
        if code is None:
            _announce_compilation()
        return code

    def save_overload(self, sig: Any, data: Any) -> None:
        """Store the code of a signature where that is possible."""
        try:
            super().save_overload(sig, data)  # type: ignore[no-untyped-call]
        except OSError as error:
            _warn_of_lost_code(error.strerror or str(error))


@functools.cache
def _announce_compilation() -> None:
    """Log the first compilation: unlike loading, it takes seconds."""
    _log.info("compiling livebg's kernels for this processor, once: about 15 s")


@functools.cache
def _warn_of_lost_code(reason: str) -> None:
    _log.warning(
        "compiled code cannot be stored in %s (%s), so every start takes seconds longer; make "
        "room there",
        jit_cache_folder(),
        reason,
    )


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
