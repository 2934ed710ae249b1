"""Whether an app reads a device of v4l2loopback. Linux only.

From version 0.13 on the kernel module sends an event when readers start and stop. With older
versions, whenever the device was opened or closed, the open files of all processes are looked
through. The openings alone are not enough: the kernel merges equal inotify events, and apps open a
camera half a dozen times only to list it.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import select
from abc import abstractmethod
from collections.abc import Callable, Collection
from pathlib import Path

from livebg.clock import NS_PER_S, Clock, MonotonicClock
from livebg.closable import Closable
from livebg.platform.linux.procfs import Holders, find_holders
from livebg.platform.linux.v4l2 import Ioctl, read_event, subscribe_event
from livebg.platform.linux.v4l2loopback import loopback_paths

__all__ = ["EventMonitor", "Inotify", "OpenFileMonitor", "ReaderMonitor", "monitor_readers"]

_CLIENT_USAGE = 0x0800_0000 + 0x08E0_0000 + 1
"""v4l2loopback's event, in V4L2's range for drivers [V4L2_EVENT_PRIVATE_START]."""

_SETTLE_NS = NS_PER_S * 15 // 100
"""From an opening to the search for readers: an app that only asks for the name is gone by then."""

_SEARCH_PAUSE_NS = NS_PER_S // 2
"""Least time between two searches, which cost some ten milliseconds each."""

_RECHECK_NS = 2 * NS_PER_S
"""Time between two searches while the device is read and nothing is opened or closed."""

_REFCOUNT = Path("/sys/module/v4l2loopback/refcnt")

# [inotify(7)]
_OPEN, _CLOSE_WRITE, _CLOSE_NOWRITE = 0x20, 0x08, 0x10
_INOTIFY_BUFFER_BYTES = 65536


class ReaderMonitor(Closable):
    """Tells whether a device is read."""

    @abstractmethod
    def has_readers(self) -> bool:
        """Whether an app reads the device now. Does not wait, never raises."""


class EventMonitor(ReaderMonitor):
    """Counts readers by the kernel module's own events (v4l2loopback 0.13 and later).

    The descriptor, an open file of the device, stays the caller's.

    Raises:
        OSError: the module has no such event.
    """

    def __init__(
        self,
        descriptor: int,
        ioctl: Ioctl = fcntl.ioctl,
        has_event: Callable[[int], bool] | None = None,
    ) -> None:
        self._descriptor = descriptor
        self._ioctl = ioctl
        self._has_event = has_event or _has_event
        self._readers = 0
        subscribe_event(descriptor, _CLIENT_USAGE, ioctl)

    def has_readers(self) -> bool:
        """Whether the last event counted a reader; False once the device is gone."""
        while self._has_event(self._descriptor):
            try:
                kind, count = read_event(self._descriptor, self._ioctl)
            except OSError:  # the device is gone: it stays ready for ever, without an event
                self._readers = 0
                break
            if kind == _CLIENT_USAGE:
                self._readers = count
        return self._readers > 0

    def close(self) -> None:
        """Do nothing: the subscription ends with the descriptor."""


class OpenFileMonitor(ReaderMonitor):
    """Looks for other processes that have the device open, after it was opened or closed.

    Processes of other users hide their files from all but root. That one of them reads is
    concluded from the module's count of open files: more of them belong to no visible process than
    at the lowest count so far.

    Args:
        path: the device.
        clock: times the searches.
        find: returns which of some processes, or of all, have a device of the module open.
        refcount: the file in which the kernel counts how often the module's devices are open.

    Raises:
        OSError: the device cannot be watched by inotify.
    """

    def __init__(
        self,
        path: str,
        clock: Clock,
        find: Callable[[Collection[int] | None], Holders],
        refcount: Path = _REFCOUNT,
    ) -> None:
        self._path = path
        self._clock = clock
        self._inotify = Inotify(path)
        self._find = find
        self._refcount = refcount
        self._reader_pids: frozenset[int] = frozenset()
        self._least_hidden: int | None = None
        self._changed_ns: int | None = clock.now_ns() - _SETTLE_NS
        self._searched_ns = clock.now_ns() - _RECHECK_NS
        self._has_readers = False

    def has_readers(self) -> bool:
        """Whether another process had the device open at the last search."""
        now_ns = self._clock.now_ns()
        if self._inotify.has_changed() and self._changed_ns is None:
            self._changed_ns = now_ns
        since_ns = now_ns - self._searched_ns
        settled = self._changed_ns is not None and now_ns - self._changed_ns >= _SETTLE_NS
        stale = self._has_readers and since_ns >= _RECHECK_NS
        if stale or (settled and since_ns >= _SEARCH_PAUSE_NS):
            self._changed_ns = None
            self._searched_ns = now_ns
            self._has_readers = self._search()
        return self._has_readers

    def close(self) -> None:
        """Stop watching the device. Once."""
        self._inotify.close()

    def _search(self) -> bool:
        # The known readers mostly still read, and searching them alone costs next to nothing.
        if self._reader_pids and self._update(self._find(self._reader_pids)):
            return True
        found = self._find(None)
        if self._update(found) or found.complete:
            return bool(self._reader_pids)
        try:
            opened = int(self._refcount.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return False
        hidden = opened - found.own_files - sum(holder.files for holder in found.others)
        if self._least_hidden is None or hidden < self._least_hidden:
            self._least_hidden = hidden
        return hidden > self._least_hidden

    def _update(self, found: Holders) -> bool:
        """Keep the processes that read the device; return whether there are any."""
        pids = (holder.pid for holder in found.others if holder.path == self._path)
        self._reader_pids = frozenset(pids)
        return bool(self._reader_pids)


class Inotify:
    """Tells whether one file was opened or closed, by any process [inotify(7)].

    Raises:
        OSError: there is no such file, or the user watches too many already.
    """

    def __init__(self, path: str) -> None:
        library = ctypes.CDLL(None, use_errno=True)
        self._descriptor = _checked(library.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC), path)
        try:
            events = _OPEN | _CLOSE_WRITE | _CLOSE_NOWRITE
            _checked(library.inotify_add_watch(self._descriptor, os.fsencode(path), events), path)
        except OSError:
            self.close()
            raise

    def has_changed(self) -> bool:
        """Whether the file was opened or closed since the last call. Does not wait."""
        changed = False
        with contextlib.suppress(BlockingIOError):
            while os.read(self._descriptor, _INOTIFY_BUFFER_BYTES):
                changed = True
        return changed

    def close(self) -> None:
        """Stop watching. Once."""
        os.close(self._descriptor)


def monitor_readers(path: str, descriptor: int, clock: Clock | None = None) -> ReaderMonitor | None:
    """Return a monitor of the readers of ``path``, or None where nothing tells of them.

    ``descriptor`` is an open file of the device, which is neither read nor written.
    """
    try:
        return EventMonitor(descriptor)
    except OSError:
        pass
    try:
        clock = clock or MonotonicClock()
        return OpenFileMonitor(path, clock, lambda pids: find_holders(loopback_paths(), pids=pids))
    except OSError:
        return None


def _has_event(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLPRI)
    return any(ready & select.POLLPRI for _, ready in poll.poll(0))


def _checked(result: int, path: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)
    return result
