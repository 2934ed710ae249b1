"""Threads with names, what goes from one to another, and waiting before a new attempt."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, Self, TypeVar

from livebg.clock import NS_PER_S, Clock
from livebg.errors import SessionError, as_livebg_error

__all__ = ["Backoff", "BoundedQueue", "Mailbox", "Worker", "raise_first_error", "still_running"]

_log = logging.getLogger(__name__)

_POLL_S = 0.2
"""How long one wait lasts at most: Windows handles Ctrl+C between two waits only."""

_PREFIX = "livebg-"

T = TypeVar("T")


class _Queue(Generic[T]):
    """Items on their way from one thread to another."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._items: deque[T] = deque()
        self._closed = False

    def get(self, timeout_s: float | None = None) -> T | None:
        """Take the oldest item, and wait for one: up to ``timeout_s`` seconds if that is given.

        Returns:
            The item; None after that time, or when the queue is closed and empty.
        """
        with self._changed:
            self._wait_for(lambda: bool(self._items or self._closed), timeout_s)
            self._changed.notify_all()
            return self._items.popleft() if self._items else None

    def close(self) -> None:
        """Accept no further item; those that are inside can still be taken. Idempotent."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def finished(self) -> bool:
        """True once it is closed and empty: ``get`` returns None from then on."""
        with self._changed:
            return self._closed and not self._items

    def _wait_for(self, condition: Callable[[], bool], timeout_s: float | None = None) -> None:
        while not self._changed.wait_for(condition, _POLL_S if timeout_s is None else timeout_s):
            if timeout_s is not None:
                return


class Mailbox(_Queue[T]):
    """Hands the newest item from one thread to another.

    Bound: one item. Drop policy: a new item replaces one that was not taken, and is counted.
    """

    def __init__(self) -> None:
        super().__init__()
        self.dropped = 0
        """Number of items that were replaced before they were taken."""

    def put(self, item: T) -> None:
        """Leave ``item`` in place of one that was not taken; ignored once closed."""
        with self._changed:
            if not self._closed:
                self.dropped += len(self._items)
                self._items = deque([item])
                self._changed.notify_all()


class BoundedQueue(_Queue[T]):
    """Hands items from one thread to another, in order.

    Bound: ``capacity`` items. Drop policy: none; ``put`` waits. Only ``cancel`` discards items.

    Args:
        capacity: items that may wait, at least 1.
    """

    def __init__(self, capacity: int) -> None:
        super().__init__()
        self._capacity = capacity
        self.cancelled = False
        """Whether ``cancel`` was called."""

    def put(self, item: T) -> bool:
        """Add ``item`` once there is room; return False if the queue was closed: it is not in."""
        with self._changed:
            self._wait_for(lambda: self._closed or len(self._items) < self._capacity)
            if not self._closed:
                self._items.append(item)
                self._changed.notify_all()
            return not self._closed

    def cancel(self) -> None:
        """Accept no further item and discard those that are inside. Idempotent."""
        with self._changed:
            self.cancelled = True
            self._items.clear()
            self.close()


class Worker(Generic[T]):
    """Runs ``body(stop)`` in the thread ``livebg-<name>`` and keeps what it returns or raises.

    The body owns what it opens, checks ``stop`` at least every tenth of a second, and returns once
    it is set. The thread is a daemon: one that hangs in a driver cannot prevent the program's exit;
    ``join`` returns whether it ended.

    Args:
        name: the thread's name, without the prefix.
        body: runs in the thread; gets the stop flag.
        on_end: called in the thread after the body, also after an error.

    Example:
        >>> worker = Worker("sum", lambda stop: 1 + 1).start()
        >>> worker.outcome()
        2
    """

    def __init__(
        self,
        name: str,
        body: Callable[[threading.Event], T],
        *,
        on_end: Callable[[], None] | None = None,
    ) -> None:
        self.name = name
        self.error: BaseException | None = None
        """The error that ended the body, or None."""
        self._body = body
        self._on_end = on_end
        self._stop = threading.Event()
        self._returned: list[T] = []
        self._thread = threading.Thread(target=self._run, name=_PREFIX + name, daemon=True)

    def start(self) -> Self:
        """Start the thread, once only; return the worker."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Set the stop flag; returns at once. Idempotent."""
        self._stop.set()

    def join(self, timeout_s: float) -> bool:
        """Wait up to ``timeout_s`` seconds for the thread to end; return whether it did."""
        if self._thread.ident is not None:
            self._thread.join(max(0.0, timeout_s))
        return self.done

    def wait(self) -> None:
        """Wait for the thread to end, however long that takes."""
        while not self.join(_POLL_S):
            pass

    @property
    def done(self) -> bool:
        """True unless the thread runs."""
        return not self._thread.is_alive()

    def outcome(self) -> T:
        """Wait for the end; return what the body returned, or raise what it raised."""
        self.wait()
        if self.error is not None:
            raise self.error
        return self._returned[0]

    def _run(self) -> None:
        try:
            self._returned.append(self._body(self._stop))
        except BaseException as error:
            _log.debug("the %s thread ended with an error", self.name, exc_info=True)
            self.error = error
        finally:
            if self._on_end is not None:
                self._on_end()


def still_running() -> list[str]:
    """Return the names of this process's workers that have not ended."""
    threads = (thread.name for thread in threading.enumerate())
    return [name.removeprefix(_PREFIX) for name in threads if name.startswith(_PREFIX)]


def raise_first_error(*errors: BaseException | None) -> None:
    """Raise the first error that is not None, if there is one.

    Raises:
        LivebgError: that error, or a SessionError about it where it is of another library.
    """
    for error in errors:
        if error is not None:
            raise as_livebg_error(error, SessionError, "the live session failed")


class Backoff:
    """Waits before retries: they double from ``first_s`` to ``longest_s`` until ``reset``."""

    def __init__(self, clock: Clock, *, first_s: float = 0.5, longest_s: float = 5.0) -> None:
        self._clock = clock
        self._first_s = first_s
        self._longest_s = longest_s
        self.reset()

    def reset(self) -> None:
        """Be ready at once, and wait ``first_s`` after the next failure."""
        self._next_s = self._first_s
        self._ready_ns: int | None = None

    def fail(self) -> float:
        """Record a failure; return the seconds until the next try."""
        wait_s = self._next_s
        self._next_s = min(self._next_s * 2, self._longest_s)
        self._ready_ns = self._clock.now_ns() + round(wait_s * NS_PER_S)
        return wait_s

    @property
    def ready(self) -> bool:
        """True when it is time for the next try."""
        return self._ready_ns is None or self._clock.now_ns() >= self._ready_ns
