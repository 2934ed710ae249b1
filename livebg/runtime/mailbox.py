"""A queue of one: the newest item wins, and whoever puts never waits."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

__all__ = ["Mailbox"]

T = TypeVar("T")


class Mailbox(Generic[T]):
    """Hands the newest item from one thread to another.

    Bound: one item. Drop policy: a new item replaces one that nobody has taken, and is counted.

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
        """Leave ``item``, in place of one that nobody has taken; ignored once closed."""
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
        """Take no further item and wake whoever waits; an item that is inside can be taken."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    @property
    def finished(self) -> bool:
        """True once it is closed and empty: ``get`` will return None for ever."""
        with self._condition:
            return self._closed and not self._items

    @property
    def dropped(self) -> int:
        """How many items were replaced before anybody took them."""
        with self._condition:
            return self._dropped
