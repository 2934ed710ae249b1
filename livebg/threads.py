"""Threads and what they share: mailbox, bounded queue, worker, background task, back-off."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from livebg.clock import NS_PER_S, Clock
from livebg.errors import SessionError, as_livebg_error

__all__ = [
    "BackgroundTask",
    "Backoff",
    "BoundedQueue",
    "Mailbox",
    "Worker",
    "raise_first_error",
    "still_running",
]

_log = logging.getLogger(__name__)

T = TypeVar("T")

_POLL_S = 0.2
"""Time-out of every wait, after which its condition is checked, should a wake-up be missed."""

_PREFIX = "livebg-"


class Mailbox(Generic[T]):
    """Hands the newest item from one thread to another.

    Bound: one item. Drop policy: a new item replaces one that was not taken, and is counted.

    Example:
        >>> box: Mailbox[str] = Mailbox()
        >>> box.put("old")
        >>> box.put("new")
        >>> box.get(timeout_s=0.0), box.dropped
        ('new', 1)
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._items: list[T] = []
        self._closed = False
        self._dropped = 0

    def put(self, item: T) -> None:
        """Leave ``item``, in place of one that was not taken; ignored once closed."""
        with self._condition:
            if self._closed:
                return
            self._dropped += len(self._items)
            self._items[:] = [item]
            self._condition.notify()

    def get(self, timeout_s: float) -> T | None:
        """Take the item; wait up to ``timeout_s`` seconds for one.

        Returns:
            The item, or None after the time or when the mailbox is closed and empty.
        """
        with self._condition:
            self._condition.wait_for(lambda: self._items or self._closed, timeout_s)
            return self._items.pop() if self._items else None

    def close(self) -> None:
        """Accept no further item and wake readers; the item that is inside can be taken."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    @property
    def finished(self) -> bool:
        """True once it is closed and empty: ``get`` will only return None."""
        with self._condition:
            return self._closed and not self._items

    @property
    def dropped(self) -> int:
        """Number of items that were replaced before they were taken."""
        with self._condition:
            return self._dropped


class BoundedQueue(Generic[T]):
    """Hands items from one thread to another, in order.

    Bound: ``capacity`` items. Drop policy: none; ``put`` waits. Only ``cancel`` discards items.

    Args:
        capacity: items that may wait, at least 1.

    Example:
        >>> queue: BoundedQueue[str] = BoundedQueue(2)
        >>> queue.put("first"), queue.put("second")
        (True, True)
        >>> queue.finish()
        >>> queue.get(), queue.get(), queue.get()
        ('first', 'second', None)
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._finished = False
        self._cancelled = False

    def put(self, item: T) -> bool:
        """Add ``item``; wait for room.

        Returns:
            False when the queue was finished or cancelled: the item is not in it.
        """
        with self._changed:
            while len(self._items) >= self._capacity and not self._finished:
                self._changed.wait(_POLL_S)
            if self._finished:
                return False
            self._items.append(item)
            self._changed.notify_all()
            return True

    def get(self) -> T | None:
        """Take the oldest item; wait for one.

        Returns:
            None when there will be no further item: finished and empty, or cancelled.
        """
        with self._changed:
            while not self._items and not self._finished:
                self._changed.wait(_POLL_S)
            self._changed.notify_all()
            return self._items.popleft() if self._items else None

    def finish(self) -> None:
        """Accept no further item; those that wait can still be taken. Idempotent."""
        with self._changed:
            self._finished = True
            self._changed.notify_all()

    def cancel(self) -> None:
        """Accept no further item and discard those that wait. Idempotent."""
        with self._changed:
            self._finished = self._cancelled = True
            self._items.clear()
            self._changed.notify_all()

    @property
    def cancelled(self) -> bool:
        """Whether ``cancel`` was called."""
        with self._changed:
            return self._cancelled


class Worker:
    """Runs ``body(stop)`` in the thread ``livebg-<name>``, and keeps the error that ended it.

    The body owns what it opens, checks ``stop`` at least every tenth of a second, and returns once
    it is set. The thread is a daemon: one that hangs in a driver cannot prevent the program's exit;
    ``join`` returns whether it ended.

    Args:
        name: the thread's name, without the prefix.
        body: runs in the thread; gets the stop flag.
        on_end: called in the thread after the body, also after an error.
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
        """The error that ended the body, or None."""
        self._body = body
        self._on_end = on_end
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=_PREFIX + name, daemon=True)

    def start(self) -> None:
        """Start the thread. Once only."""
        self._thread.start()

    def stop(self) -> None:
        """Set the stop flag; returns at once. Idempotent."""
        self._stop.set()

    def join(self, timeout_s: float) -> bool:
        """Wait up to ``timeout_s`` seconds for the thread to end; return whether it did."""
        if self._thread.ident is not None:
            self._thread.join(max(0.0, timeout_s))
        return not self.alive

    @property
    def alive(self) -> bool:
        """True while the thread runs."""
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


class BackgroundTask(Generic[T]):
    """Runs ``work(stop)`` once in the thread ``livebg-<name>`` and keeps what it returns.

    Args:
        name: the thread's name, without the prefix.
        work: the work; gets a flag that is set once its outcome is not needed any more.

    Example:
        >>> task = BackgroundTask("sum", lambda stop: 1 + 1)
        >>> task.wait()
        >>> task.outcome()
        2
    """

    def __init__(self, name: str, work: Callable[[threading.Event], T]) -> None:
        self._outcomes: list[T] = []
        self._worker = Worker(name, lambda stop: self._outcomes.append(work(stop)))
        self._worker.start()

    @property
    def done(self) -> bool:
        """True once the work is over, also after an error."""
        return not self._worker.alive

    def outcome(self) -> T:
        """Return what the work returned, or raise what it raised. Only once ``done``."""
        if self._worker.error is not None:
            raise self._worker.error
        return self._outcomes[0]

    def stop(self) -> None:
        """Set the stop flag; returns at once."""
        self._worker.stop()

    def wait(self) -> None:
        """Wait until the work is over, however long that takes."""
        while not self._worker.join(_POLL_S):
            pass


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
    """Waiting times before retries: they double from ``first_s`` to ``longest_s`` until ``reset``.

    Example:
        >>> from livebg.clock import ManualClock
        >>> clock = ManualClock()
        >>> backoff = Backoff(clock)
        >>> backoff.fail()
        0.5
        >>> backoff.ready
        False
        >>> clock.advance(0.5)
        >>> backoff.ready, backoff.fail()
        (True, 1.0)
    """

    def __init__(self, clock: Clock, *, first_s: float = 0.5, longest_s: float = 5.0) -> None:
        self._clock = clock
        self._first_s = first_s
        self._longest_s = longest_s
        self.reset()

    def reset(self) -> None:
        """Be ready at once, and begin with the shortest wait after the next failure."""
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
