"""A named thread with one job, which keeps the error that ended it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from livebg.errors import LivebgError, SessionError

__all__ = ["Worker", "raise_first_error", "still_running"]

_log = logging.getLogger(__name__)

_PREFIX = "livebg-"


class Worker:
    """Runs ``body(stop)`` in a thread of its own.

    The body owns what it opens, looks at ``stop`` at least every tenth of a second, and returns
    once it is set. The thread is a daemon: one that hangs in a driver cannot hold the program's
    exit; ``join`` says whether it ended.

    Args:
        name: what the job is; the thread is called ``livebg-<name>``.
        body: the job; gets the stop flag.
        on_end: called in the thread when the job is over, also after an error.
    """

    def __init__(
        self,
        name: str,
        body: Callable[[threading.Event], None],
        *,
        on_end: Callable[[], None] | None = None,
    ) -> None:
        self.name = name
        self.error: BaseException | None = None
        """What ended the job, or None."""
        self._body = body
        self._on_end = on_end
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=_PREFIX + name, daemon=True)

    def start(self) -> None:
        """Start the thread. Once only."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the job to end; returns at once. Idempotent."""
        self._stop.set()

    def join(self, timeout_s: float) -> bool:
        """Wait up to ``timeout_s`` seconds for the job to end; return whether it did."""
        if self._thread.ident is None:
            return True
        self._thread.join(max(0.0, timeout_s))
        return not self.alive

    @property
    def alive(self) -> bool:
        """True while the job runs."""
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._body(self._stop)
        except BaseException as error:
            _log.debug("the %s thread ended with an error", self.name, exc_info=True)
            self.error = error
        finally:
            if self._on_end is not None:
                self._on_end()


def still_running() -> list[str]:
    """Return the names of the jobs of this process that are not over."""
    threads = (thread.name for thread in threading.enumerate())
    return [name.removeprefix(_PREFIX) for name in threads if name.startswith(_PREFIX)]


def raise_first_error(*errors: BaseException | None) -> None:
    """Raise the first that is an error, if any is.

    Raises:
        LivebgError: that error, or a SessionError about it if it is none of ours.
    """
    for error in errors:
        if isinstance(error, LivebgError):
            raise error
        if error is not None:
            raise SessionError(
                f"the live session failed: {error!r}; run with --debug for the whole story"
            ) from error
