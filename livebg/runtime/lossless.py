"""A bounded queue that drops nothing: whoever puts waits for room."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

__all__ = ["LosslessQueue"]

T = TypeVar("T")

_PATIENCE_S = 0.2
"""How long a wait lasts before it looks around, should a wake-up ever be missed."""


class LosslessQueue(Generic[T]):
    """Hands items from one thread to another, in order.

    Bound: ``capacity`` items. Drop policy: none; ``put`` waits. Only ``cancel`` throws items away.

    Args:
        capacity: items that may wait, at least 1.

    Example:
        >>> queue: LosslessQueue[str] = LosslessQueue(2)
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
        """Add ``item``, once there is room.

        Returns:
            False when the queue was finished or cancelled: the item is not in it.
        """
        with self._changed:
            while len(self._items) >= self._capacity and not self._finished:
                self._changed.wait(_PATIENCE_S)
            if self._finished:
                return False
            self._items.append(item)
            self._changed.notify_all()
            return True

    def get(self) -> T | None:
        """Take the oldest item, once there is one.

        Returns:
            None when there will be no further item: finished and empty, or cancelled.
        """
        with self._changed:
            while not self._items and not self._finished:
                self._changed.wait(_PATIENCE_S)
            if not self._items:
                return None
            self._changed.notify_all()
            return self._items.popleft()

    def finish(self) -> None:
        """Take no further item; those that wait can still be taken. Idempotent."""
        with self._changed:
            self._finished = True
            self._changed.notify_all()

    def cancel(self) -> None:
        """Take no further item and throw away those that wait. Idempotent."""
        with self._changed:
            self._finished = self._cancelled = True
            self._items.clear()
            self._changed.notify_all()

    @property
    def cancelled(self) -> bool:
        """Whether ``cancel`` was called."""
        with self._changed:
            return self._cancelled
