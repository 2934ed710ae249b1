"""A piece of work in a thread of its own, while whoever wants it goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from livebg.runtime.worker import Worker

__all__ = ["Errand"]

T = TypeVar("T")

_PATIENCE_S = 0.5


class Errand(Generic[T]):
    """Runs ``work(stop)`` once in the thread ``livebg-<name>`` and keeps what it returns.

    Args:
        name: what the work is.
        work: the work; it gets a flag that is set when nobody wants the outcome any more.

    Example:
        >>> errand = Errand("sum", lambda stop: 1 + 1)
        >>> errand.wait()
        >>> errand.outcome()
        2
    """

    def __init__(self, name: str, work: Callable[[threading.Event], T]) -> None:
        self._work = work
        self._outcomes: list[T] = []
        self._worker = Worker(name, self._run)
        self._worker.start()

    @property
    def done(self) -> bool:
        """True once the work is over, well or not."""
        return not self._worker.alive

    def outcome(self) -> T:
        """Return what the work returned, or raise what it raised. Only once ``done``."""
        if self._worker.error is not None:
            raise self._worker.error
        return self._outcomes[0]

    def stop(self) -> None:
        """Let the work know that nobody wants its outcome any more; returns at once."""
        self._worker.stop()

    def wait(self) -> None:
        """Wait until the work is over, however long that takes."""
        while not self._worker.join(_PATIENCE_S):
            pass

    def _run(self, stop: threading.Event) -> None:
        self._outcomes.append(self._work(stop))
