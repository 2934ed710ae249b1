"""Noticing that a file was changed, whatever the editor does to it."""

from __future__ import annotations

import codecs
from pathlib import Path

from livebg.clock import NS_PER_S, Clock

__all__ = ["WatchedFile"]

_LOOK_EVERY_NS = NS_PER_S // 4

_BLANK_BYTES = 4096
"""A larger file is taken to say something."""

_Look = tuple[int, int, int]
"""Modification time in nanoseconds, size in bytes, inode."""


class WatchedFile:
    """Looks at a file four times a second.

    A change counts once two looks in a row see the same, so that a file is not read while it is
    half written. A file that is missing or blank, as it is for a moment when an editor or another
    machine replaces it, has not changed.

    Args:
        path: the file.
        clock: tells when the next look is due.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path = path
        self._clock = clock
        self._known = self._look()
        self._seen = self._known
        self._next_ns = clock.now_ns() + _LOOK_EVERY_NS

    def changed(self) -> bool:
        """Return True once after each change; cheap enough to be asked all the time."""
        now_ns = self._clock.now_ns()
        if now_ns < self._next_ns:
            return False
        self._next_ns = now_ns + _LOOK_EVERY_NS
        before, self._seen = self._seen, self._look()
        if self._seen is None or self._seen == self._known or self._seen != before:
            return False
        if self._is_blank():
            return False
        self._known = self._seen
        return True

    def is_unchanged(self) -> bool:
        """Say whether the file is still as it was when ``changed`` last returned True."""
        return self._look() == self._known

    def _look(self) -> _Look | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _is_blank(self) -> bool:
        """Say whether there is nothing but white space; a large file is not read for that."""
        try:
            if self.path.stat().st_size > _BLANK_BYTES:
                return False
            return not self.path.read_bytes().removeprefix(codecs.BOM_UTF8).strip()
        except OSError:
            return True
