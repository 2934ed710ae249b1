"""Where the code that numba has compiled is kept, and whether all of it is there.

Numba's own choice, beside the source, may not be writable. It compiles anew when the file of a
function changes, but not when that of another function does which it calls, so there is a folder
for each state of this package.
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
from pathlib import Path

from livebg.cache import cache_folder

__all__ = ["all_kept", "forget_torn", "keep_all", "keep_nothing_more", "kept_code_folder"]

_log = logging.getLogger(__name__)

_SOURCES = ("compose", "pixels", "temporal")
"""Where there is compiled code."""

_MARK = "complete"

_lost: list[Exception] = []
"""Why code of this process could not be kept."""


@functools.cache
def kept_code_folder() -> Path:
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
            kept_code_folder(),
            reason,
        )
    _lost.append(error)
    with contextlib.suppress(OSError):
        _mark().unlink()


def forget_torn() -> None:
    """Delete files that a crash of the system left empty: numba would stumble over them."""
    for path in kept_code_folder().glob("*/*.nb?"):
        with contextlib.suppress(OSError):
            if path.stat().st_size == 0:
                path.unlink()


def _mark() -> Path:
    return kept_code_folder() / f"{_MARK}-{_state()}"


@functools.cache
def _state() -> str:
    """Return a name for the sources as they are."""
    package = Path(__file__).parents[1]
    sources = sorted(source for name in _SOURCES for source in (package / name).glob("*.py"))
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:16]
