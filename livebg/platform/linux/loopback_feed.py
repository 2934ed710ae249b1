"""Feeding a device of v4l2loopback: the right one, in the right size, for as long as it takes.

Whether an app reads a device of v4l2loopback. Linux only.

From version 0.13 on the kernel module says so. Older ones do not: there, opening and closing of
the device wakes a look at which processes have it open. The openings themselves are not counted,
as the kernel merges equal events and apps open a camera half a dozen times only to list it.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import re
import select
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Protocol

from livebg.clock import NS_PER_S, Clock, MonotonicClock
from livebg.errors import SinkUnavailableError
from livebg.frame import Image, Size
from livebg.platform.linux.inotify import Inotify
from livebg.platform.linux.procfs import Holders, find_holders
from livebg.platform.linux.v4l2 import READ, WRITE, Ioctl, request_number
from livebg.platform.linux.v4l2loopback import (
    RELOAD_COMMAND,
    LoopbackClaim,
    LoopbackDevice,
    choose_loopback,
    list_loopbacks,
    loopback_paths,
)

__all__ = ["ClientEvents", "LoopbackFeed", "OpenFiles", "ReaderWatch", "watch_readers"]


_SYS_FOLDER = Path("/sys/class/video4linux")


class LoopbackFeed:
    """A chosen device, opened to be fed, and claimed and watched beside.

    Args:
        selector: the device, see ``choose_loopback``.
        size: ``(width, height)`` of the pictures, both even.
        fps: frames per second that readers are told.
        open_camera: opens the device at a path to feed it; raises RuntimeError or OSError.

    Attributes:
        device: its path.

    Raises:
        SinkUnavailableError: no such device can be fed; says what to do.
    """

    def __init__(
        self,
        selector: str | None,
        size: Size,
        fps: float,
        open_camera: Callable[[Size, float, str | None], Any],
    ) -> None:
        chosen = choose_loopback(selector, list_loopbacks())
        self.device = chosen.path
        with contextlib.ExitStack() as undo:
            try:
                self._claim = LoopbackClaim(chosen.path, fps)
                undo.callback(self._claim.close)
                self._camera = open_camera(size, fps, chosen.path)
                undo.callback(self._camera.close)
            except (RuntimeError, OSError) as error:
                raise SinkUnavailableError(_refusal(chosen, error)) from error
            self._claim.hold()
            _check_size(chosen, size)
            self._watch = watch_readers(chosen.path, self._claim.descriptor)
            undo.pop_all()

    @property
    def has_readers(self) -> bool | None:
        """Whether an app reads the device; None where it cannot be told."""
        return None if self._watch is None else self._watch.watched()

    def send(self, image: Image) -> None:
        """Write one picture of the announced size.

        Raises:
            RuntimeError: the device is gone.
        """
        self._camera.send(image)

    def close(self) -> None:
        """Give the device back; the next program can feed it. Once."""
        self._camera.close()
        if self._watch is not None:
            self._watch.close()
        self._claim.close()


def _check_size(device: LoopbackDevice, size: Size) -> None:
    """Refuse a device whose reader holds it to an earlier size: the driver says nothing of it.

    Raises:
        SinkUnavailableError: readers would get garbled pictures.
    """
    try:
        said = (_SYS_FOLDER / os.path.basename(device.path) / "format").read_text(encoding="ascii")
    except OSError:
        return
    found = re.search(r":(\d+)x(\d+)", said)
    if found is None or (int(found[1]), int(found[2])) == size:
        return
    users = ", ".join(map(str, find_holders([device.path]).others)) or "another program"
    raise SinkUnavailableError(
        f"{device.path} ({device.name}) is kept at {found[1]}x{found[2]} by {users}; close it "
        f"there, or filter the camera in that size: --size {found[1]}x{found[2]}"
    )


def _refusal(device: LoopbackDevice, error: Exception) -> str:
    reason = " ".join(str(error).split())
    return (
        f"virtual camera {device.path} ({device.name}) cannot be opened ({reason}); close what "
        f"uses it, then load its module again: {RELOAD_COMMAND}"
    )


_CLIENT_USAGE = 0x0800_0000 + 0x08E0_0000 + 1
"""v4l2loopback's event, in V4L2's range for drivers [V4L2_EVENT_PRIVATE_START]."""

_SEND_INITIAL = 1

_SETTLE_NS = NS_PER_S * 15 // 100
"""From an opening to the look at who opened: an app that only asks for the name is gone by then."""

_REST_NS = NS_PER_S // 2
"""Between two looks, which cost some ten milliseconds each."""

_RECHECK_NS = 2 * NS_PER_S
"""Between two looks while somebody reads and nothing happens."""

_REFCOUNT = Path("/sys/module/v4l2loopback/refcnt")


class _Subscription(ctypes.Structure):  # [v4l2_event_subscription]
    _fields_ = [
        ("type", ctypes.c_uint32),
        ("id", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32 * 5),
    ]


class _Event(ctypes.Structure):  # [v4l2_event], its 64 bytes of data as numbers
    _fields_ = [
        ("type", ctypes.c_uint32),
        ("data", ctypes.c_uint64 * 8),
        ("pending", ctypes.c_uint32),
        ("sequence", ctypes.c_uint32),
        ("timestamp", ctypes.c_long * 2),
        ("id", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32 * 8),
    ]


DQEVENT = request_number(READ, 89, _Event)
SUBSCRIBE_EVENT = request_number(WRITE, 90, _Subscription)


class ReaderWatch(Protocol):
    """Says whether a device is read."""

    def watched(self) -> bool:
        """Whether an app reads the device now. Does not wait, never raises."""

    def close(self) -> None:
        """Release what it holds. Once."""


class ClientEvents:
    """Believes the kernel module (0.13 and later): it tells when a reader starts and stops.

    Args:
        descriptor: an open file of the device; it stays the caller's.
        ioctl: ``fcntl.ioctl``.
        has_news: whether an event waits on a descriptor.

    Raises:
        OSError: the module has no such event.
    """

    def __init__(
        self,
        descriptor: int,
        ioctl: Ioctl = fcntl.ioctl,
        has_news: Callable[[int], bool] | None = None,
    ) -> None:
        self._descriptor = descriptor
        self._ioctl = ioctl
        self._has_news = has_news or _has_news
        self._watched = False
        ioctl(descriptor, SUBSCRIBE_EVENT, _Subscription(type=_CLIENT_USAGE, flags=_SEND_INITIAL))

    def watched(self) -> bool:
        """Whether the last event spoke of a reader; False once the device is gone."""
        while self._has_news(self._descriptor):
            event = _Event()
            try:
                self._ioctl(self._descriptor, DQEVENT, event)
            except OSError:  # the device is gone: nothing else makes news without an event
                self._watched = False
                break
            if event.type == _CLIENT_USAGE:
                self._watched = event.data[0] & 0xFFFF_FFFF > 0
        return self._watched

    def close(self) -> None:
        """Do nothing: the subscription ends with the descriptor."""


class OpenFiles:
    """Looks which other processes have the device open, whenever it was opened or closed.

    Processes of other users hide their files from all but root. Whether one of them has the device
    open is concluded from the module's own count of open files, as far as more of them than at the
    least belong to nobody who could be seen.

    Args:
        path: the device.
        clock: what times the looks.
        inotify: tells of openings and closings; owned from now on.
        look: who of some processes, or of all, has any device of the module open.
        refcount: the file that tells how often the module's devices are open.
    """

    def __init__(
        self,
        path: str,
        clock: Clock,
        inotify: Inotify,
        look: Callable[[Collection[int] | None], Holders],
        refcount: Path = _REFCOUNT,
    ) -> None:
        self._path = path
        self._clock = clock
        self._inotify = inotify
        self._look = look
        self._refcount = refcount
        self._readers: frozenset[int] = frozenset()
        self._least_hidden: int | None = None
        self._news_ns: int | None = clock.now_ns() - _SETTLE_NS
        self._looked_ns = clock.now_ns() - _RECHECK_NS
        self._watched = False

    def watched(self) -> bool:
        """Whether another process had the device open at the last look."""
        now_ns = self._clock.now_ns()
        if self._inotify.any_news() and self._news_ns is None:
            self._news_ns = now_ns
        since_ns = now_ns - self._looked_ns
        settled = self._news_ns is not None and now_ns - self._news_ns >= _SETTLE_NS
        if (settled and since_ns >= _REST_NS) or (self._watched and since_ns >= _RECHECK_NS):
            self._news_ns = None
            self._looked_ns = now_ns
            self._watched = self._is_held()
        return self._watched

    def close(self) -> None:
        """Stop listening."""
        self._inotify.close()

    def _is_held(self) -> bool:
        # Mostly those who read still do, and to look at them alone costs next to nothing.
        if self._readers and self._remember(self._look(self._readers)):
            return True
        held = self._look(None)
        if self._remember(held) or held.complete:
            return bool(self._readers)
        opened = _number_in(self._refcount)
        if opened is None:
            return False
        hidden = opened - held.own_files - sum(holder.files for holder in held.others)
        if self._least_hidden is None or hidden < self._least_hidden:
            self._least_hidden = hidden
        return hidden > self._least_hidden

    def _remember(self, held: Holders) -> bool:
        """Keep who reads; return whether anybody does."""
        self._readers = frozenset(holder.pid for holder in held.others if holder.path == self._path)
        return bool(self._readers)


def watch_readers(path: str, descriptor: int, clock: Clock | None = None) -> ReaderWatch | None:
    """Return what tells whether ``path`` is read, or None where nothing can.

    Args:
        path: the device.
        descriptor: an open file of it, which is neither read nor written.
        clock: what times looks at the processes.
    """
    try:
        return ClientEvents(descriptor)
    except OSError:
        pass
    try:
        inotify = Inotify(path)
    except OSError:
        return None
    return OpenFiles(
        path,
        clock or MonotonicClock(),
        inotify,
        lambda pids: find_holders(loopback_paths(), pids=pids),
    )


def _has_news(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLPRI)
    return any(what & select.POLLPRI for _, what in poll.poll(0))


def _number_in(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
