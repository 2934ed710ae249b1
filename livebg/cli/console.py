"""The console: standard streams, progress bars, signals, and the statistics file."""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import sleep
from traceback import walk_stack
from types import FrameType
from typing import TYPE_CHECKING, Any, TextIO

from livebg.atomic import PartialFile

if TYPE_CHECKING:
    from livebg.download import Progress

__all__ = [
    "INTERRUPTED",
    "FrameProgress",
    "StatsFile",
    "download_progress",
    "drop_buffer",
    "frame_progress",
    "interrupt_on_signals",
    "is_full",
    "megabytes",
    "open_closed_streams",
    "stop_on_signals",
]


def open_closed_streams() -> None:
    """Point each standard stream that a shell has closed (``2>&-``) to the null device.

    Otherwise the next file that is opened would take its number, and get what a library prints.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened == number:
                os.set_inheritable(number, True)
            else:
                os.dup2(opened, number)
                os.close(opened)
    sys.stdin = sys.stdin or open(os.devnull, encoding="utf-8")  # noqa: SIM115 - stays open
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - likewise
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - likewise


def is_full(error: Exception) -> bool:
    """Return whether an error means that a disk or a stream has no room."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def drop_buffer(stream: TextIO) -> None:
    """Drop what a stream has buffered: the interpreter would try to write it again at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


@contextmanager
def download_progress() -> Iterator[Progress]:
    """Give a progress callback that shows downloads on stderr while the block runs.

    On a terminal each download has a bar with its size and the time left. In a log or a pipe one
    line says what is fetched and how large it is.
    """
    if sys.stderr.isatty():
        with _bars() as progress:
            yield progress
    else:
        yield _one_line_each()


def megabytes(size_bytes: int) -> str:
    """Return a size for people to read.

    Example:
        >>> megabytes(14_975_696)
        '15.0 MB'
    """
    return f"{size_bytes / 1e6:.1f} MB"


@contextmanager
def _bars() -> Iterator[Progress]:
    import rich.progress as rich
    from rich.console import Console

    columns = (
        rich.TextColumn("fetching {task.description}", markup=False),
        rich.BarColumn(),
        rich.DownloadColumn(),
        rich.TransferSpeedColumn(),
        rich.TimeRemainingColumn(),
    )
    with rich.Progress(*columns, console=Console(stderr=True)) as bars:
        tasks = {}

        def progress(what: str, done_bytes: int, total_bytes: int | None) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total_bytes)
            bars.update(tasks[what], completed=done_bytes, total=total_bytes)

        yield progress


def _one_line_each() -> Progress:
    told = set()

    def progress(what: str, done_bytes: int, total_bytes: int | None) -> None:
        if what not in told:
            told.add(what)
            size = "" if total_bytes is None else f", {megabytes(total_bytes)}"
            print(f"livebg: fetching {what}{size}", file=sys.stderr, flush=True)

    return progress


FrameProgress = Callable[[int], None]
"""Called with the number of frames done."""


@contextmanager
def frame_progress(what: str, total: int | None) -> Iterator[FrameProgress]:
    """Give a callback that shows a progress bar on a terminal while the block runs."""
    if not sys.stderr.isatty():
        yield lambda done: None
        return
    import rich.progress as rich
    from rich.console import Console

    columns = (
        rich.TextColumn("{task.description}", markup=False),
        rich.BarColumn(),
        rich.TaskProgressColumn(show_speed=True),
        rich.MofNCompleteColumn(),
        rich.TextColumn("frames, time left"),
        rich.TimeRemainingColumn(),
    )
    with rich.Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(what, total=total)

        def progress(done: int) -> None:
            bars.update(task, completed=done, total=None if total is None else max(total, done))

        yield progress


INTERRUPTED = 128 + 2
"""Exit status, as a shell reports a program that SIGINT ended."""

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGALRM")
"""Ctrl+C, ``kill``, a closed terminal, and the alarm that replaces a signal during an import;
Windows has the first two."""

_RETRY_S = 0.01
_REPEAT_S = 0.1
"""A second signal within this time is the same one: ``timeout`` sends it to the program and to its
group."""

_Handler = Callable[[int, FrameType | None], object]


@contextmanager
def stop_on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call ``stop`` on the first SIGINT, SIGTERM or SIGHUP in the block; a second one kills.

    Args:
        stop: sets a flag and nothing else: it runs between any two instructions of the main thread.
    """
    signals = _handled_signals()

    def ask(number: int, frame: FrameType | None) -> None:
        stop()
        _set_alarm(0.0)
        for each in signals:
            signal.signal(each, signal.SIG_IGN)
        sleep(_REPEAT_S)
        for each in signals:
            signal.signal(each, signal.SIG_DFL)

    with _handled(signals, ask):
        yield


@contextmanager
def interrupt_on_signals() -> Iterator[None]:
    """Raise KeyboardInterrupt in the block on SIGTERM and SIGHUP, as Python does on SIGINT.

    During an import the exception waits: Python might lose it, and keep its lock on all imports.
    """
    with _handled(_handled_signals(), _interrupt):
        yield


def _interrupt(number: int, frame: FrameType | None) -> None:
    if _is_importing(frame) and hasattr(signal, "setitimer"):
        _set_alarm(_RETRY_S)
    else:
        raise KeyboardInterrupt


def _is_importing(frame: FrameType | None) -> bool:
    callers = (caller for caller, _ in walk_stack(frame))
    return any(caller.f_code.co_filename.startswith("<frozen importlib") for caller in callers)


def _set_alarm(seconds: float) -> None:
    """Send SIGALRM after ``seconds`` in place of a signal that came too early; 0 cancels it."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _handled_signals() -> list[signal.Signals]:
    """Return the signals that this system has and the caller does not ignore (``nohup``)."""
    there = [signal.Signals[name] for name in _NAMES if name in signal.Signals.__members__]
    return [each for each in there if signal.getsignal(each) is not signal.SIG_IGN]


@contextmanager
def _handled(signals: list[signal.Signals], handler: _Handler) -> Iterator[None]:
    before = {each: signal.signal(each, handler) for each in signals}
    try:
        yield
    finally:
        _set_alarm(0.0)
        for each, earlier in before.items():
            signal.signal(each, earlier)


class StatsFile:
    """The file of ``--stats``, which is complete whenever it exists."""

    def __init__(self, path: Path) -> None:
        self._path = path
        PartialFile(path).close()  # raises where the file cannot be written

    def write(self, summary: Mapping[str, Any]) -> None:
        """Write ``summary`` as JSON."""
        text = json.dumps(summary, indent=2) + "\n"
        with PartialFile(self._path) as file:
            file.write(text.encode())
