"""A watched file: whether a configuration file was changed, whatever editor writes it."""

from __future__ import annotations

from codecs import BOM_UTF8
from pathlib import Path

from livebg.clock import NS_PER_S, Clock

__all__ = ["WatchedFile"]

_PERIOD_NS = NS_PER_S // 4
_LARGEST_BLANK_BYTES = 4096


class WatchedFile:
    """Polls a file four times a second.

    A change counts once two polls in a row find the same, so that a file is not read while it is
    half written. A file that is missing or blank, as it is for a moment when an editor or another
    machine replaces it, has not changed.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path = path
        self._clock = clock
        self._known = self._poll()
        self._last = self._known
        self._next_ns = clock.now_ns() + _PERIOD_NS

    def changed(self) -> bool:
        """Return True once after each change; cheap enough to be asked for every frame."""
        now_ns = self._clock.now_ns()
        if now_ns < self._next_ns:
            return False
        self._next_ns = now_ns + _PERIOD_NS
        before, self._last = self._last, self._poll()
        if self._last in (None, self._known) or self._last != before or self._is_blank():
            return False
        self._known = self._last
        return True

    def is_unchanged(self) -> bool:
        """Say whether the file is still as it was when ``changed`` last returned True."""
        return self._poll() == self._known

    def _poll(self) -> tuple[int, int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _is_blank(self) -> bool:
        """Say whether there is nothing but white space; a large file is not read for that."""
        try:
            with self.path.open("rb") as file:
                start = file.read(_LARGEST_BLANK_BYTES + 1)
        except OSError:
            return True
        return len(start) <= _LARGEST_BLANK_BYTES and not start.removeprefix(BOM_UTF8).strip()
