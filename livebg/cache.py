"""The user's cache folder, and the stamps that verify its files.

A file is read whole and hashed when it is stored. Its size, modification time and sha256 go into
a stamp beside it, and later uses compare size and time only, which costs microseconds: a
truncated or rewritten file is noticed at once. A file whose stamp is missing or does not match is
hashed again before it is trusted.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from platformdirs import user_cache_path

__all__ = [
    "Stamp",
    "cache_folder",
    "file_sha256",
    "intact_file",
    "is_unchanged",
    "read_stamp",
    "write_stamp",
]


@dataclass(frozen=True, slots=True)
class Stamp:
    """Size, time since the epoch, hex digest and origin of a cached file when it was read whole."""

    size_bytes: int
    modified_ns: int
    sha256: str
    source: str


def cache_folder() -> Path:
    """Return the folder for downloads and compiled networks; it need not exist yet.

    ``LIVEBG_CACHE`` overrides the place that the operating system provides for caches.
    """
    chosen = os.environ.get("LIVEBG_CACHE")
    return Path(chosen).expanduser() if chosen else user_cache_path("livebg", appauthor=False)


def file_sha256(path: Path) -> str:
    """Return the sha256 of the file at ``path`` as 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_unchanged(path: Path) -> bool:
    """Return whether ``path`` exists with the size and modification time that its stamp says."""
    stamp = read_stamp(path)
    return stamp is not None and _fits(path, stamp)


def intact_file(path: Path, accepts: Callable[[str, int], bool]) -> bool:
    """Return whether ``path`` exists with a sha256 and a size in bytes that are accepted."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return False
    stamp = read_stamp(path)
    if stamp is not None and _fits(path, stamp):
        return accepts(stamp.sha256, stamp.size_bytes)
    digest = file_sha256(path)
    if not accepts(digest, status.st_size):
        return False
    write_stamp(path, digest, stamp.source if stamp else "a copy put into the cache by hand")
    return True


def read_stamp(path: Path) -> Stamp | None:
    """Return the stamp of the cached file at ``path``; None where there is no readable one."""
    try:
        return Stamp(**json.loads(_stamp_path(path).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def write_stamp(path: Path, sha256: str, source: str) -> None:
    """Record that the cached file at ``path``, as it is now, has this digest and origin.

    A cache that may only be read stays without a stamp: its files are hashed at every start.
    """
    status = path.stat()
    stamp = Stamp(status.st_size, status.st_mtime_ns, sha256, source)
    part = path.with_name(f".{path.name}.{os.getpid()}.stamp")
    try:
        part.write_text(json.dumps(asdict(stamp)), encoding="utf-8")
        part.replace(_stamp_path(path))
    except OSError:
        # A file system that may only be read refuses to delete even what is not there.
        with contextlib.suppress(OSError):
            part.unlink()


def _fits(path: Path, stamp: Stamp) -> bool:
    try:
        status = path.stat()
    except OSError:
        return False
    return (status.st_size, status.st_mtime_ns) == (stamp.size_bytes, stamp.modified_ns)


def _stamp_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.stamp")
