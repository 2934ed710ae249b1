"""A background that is opened ahead of the frame that it will lie behind."""

from __future__ import annotations

from collections.abc import Callable

from livebg.compose.compositor import Backdrop
from livebg.compose.plates import Plate

__all__ = ["NextBackdrop"]


class NextBackdrop:
    """Holds at most one opened background. ``prepare`` may be called by another thread.

    Args:
        open_backdrop: opens a background; see ``livebg.runtime.backdrop``.
    """

    def __init__(self, open_backdrop: Callable[[str], Backdrop]) -> None:
        self._open = open_backdrop
        self._held: tuple[str, Backdrop] | None = None
        self._closed = False

    def prepare(self, spec: str) -> None:
        """Open a background, so that ``take`` will take no time.

        Raises:
            UsageError: there is no such background.
            InputError: it cannot be read.
        """
        unused, self._held = self._held, (spec, self._open(spec))
        _close(unused)
        if self._closed:
            self.close()

    def take(self, spec: str) -> Backdrop:
        """Return a background that is the caller's to close: the prepared one, or another.

        Raises:
            UsageError: there is no such background.
            InputError: it cannot be read.
        """
        held, self._held = self._held, None
        if held is not None and held[0] == spec:
            return held[1]
        _close(held)
        return self._open(spec)

    def close(self) -> None:
        """Release what nobody took. Idempotent."""
        self._closed = True
        held, self._held = self._held, None
        _close(held)


def _close(held: tuple[str, Backdrop] | None) -> None:
    if held is not None and isinstance(held[1], Plate):
        held[1].close()
