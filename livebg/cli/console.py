"""Standard input, output and error where a shell has closed them, or where they take no more.

How downloads show on the terminal: a bar, or one line a file where nobody watches.

How far a conversion is: a bar with the time left, on a terminal.

Ctrl+C and its kin: the first asks to stop, the second ends the program at once.

The file that ``--stats`` names.
"""

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
from types import FrameType
from typing import Any, TextIO

from livebg.atomic import PartialFile
from livebg.download import Progress

__all__ = [
    "INTERRUPTED",
    "FrameProgress",
    "StatsFile",
    "download_progress",
    "drop",
    "frame_progress",
    "interrupt_on_signals",
    "is_full",
    "megabytes",
    "open_closed_streams",
    "stop_on_signals",
]


def open_closed_streams() -> None:
    """Give each standard stream that is closed (``2>&-``) somewhere to read from or write to.

    Otherwise the next file that is opened would take the number of a closed one, and with it what
    a library prints.
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
    """Say whether an error is that of a stream or a disk without room."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def drop(stream: TextIO) -> None:
    """Drop what a stream holds back: the interpreter would try to write it once more at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


@contextmanager
def download_progress() -> Iterator[Progress]:
    """Give a progress callback that shows downloads on stderr while the block runs.

    On a terminal each download has a bar with its size and the time left. Elsewhere (a log, a
    pipe) one line says what is fetched and how large it is. Nothing shows if nothing is fetched.

    Example:
        >>> with download_progress() as progress:
        ...     progress("nothing much", 0, None)
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
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("fetching {task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=Console(stderr=True)) as bars:
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
"""Told the number of frames done."""


@contextmanager
def frame_progress(what: str, total: int | None) -> Iterator[FrameProgress]:
    """Give a callback that shows progress on stderr while the block runs; nothing elsewhere.

    Args:
        what: what is worked on.
        total: about how many frames there are; None where nobody knows.

    Example:
        >>> with frame_progress("clip.mp4", total=72) as progress:
        ...     progress(1)
    """
    if not sys.stderr.isatty():
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(show_speed=True),
        MofNCompleteColumn(),
        TextColumn("frames, time left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(what, total=total)

        def progress(done: int) -> None:
            bars.update(task, completed=done, total=None if total is None else max(total, done))

        yield progress


INTERRUPTED = 128 + 2
"""Exit status, as a shell reports a program that SIGINT ended."""

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGALRM")
"""Ctrl+C, ``kill``, a terminal that is closed, and what stands for one of them that came during an
import; Windows has the first two."""

_AGAIN_S = 0.01
_ECHO_S = 0.1
"""What comes so soon after a signal is the same one: `timeout`, and programs that start others,
send it to the program and to its group."""

_Handler = Callable[[int, FrameType | None], object]


@contextmanager
def stop_on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call ``stop`` on the first SIGINT, SIGTERM or SIGHUP in the block; the second one kills.

    Args:
        stop: sets a flag and nothing else, since it runs between any two instructions of the
            main thread.
    """
    signals = _ours()

    def ask(number: int, frame: FrameType | None) -> None:
        stop()
        _put_off(0.0)
        for each in signals:
            signal.signal(each, signal.SIG_IGN)
        sleep(_ECHO_S)
        for each in signals:
            signal.signal(each, signal.SIG_DFL)

    with _handled(signals, ask):
        yield


@contextmanager
def interrupt_on_signals() -> Iterator[None]:
    """Raise KeyboardInterrupt in the block on SIGTERM and SIGHUP, as Python does on SIGINT.

    What the block has opened by then is closed on the way out. A module that is being imported is
    imported first: Python may lose an exception in there, and keep its lock on all imports.
    """
    with _handled(_ours(), _interrupt):
        yield


def _interrupt(number: int, frame: FrameType | None) -> None:
    if _is_importing(frame) and hasattr(signal, "setitimer"):
        _put_off(_AGAIN_S)
    else:
        raise KeyboardInterrupt


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _put_off(seconds: float) -> None:
    """Have SIGALRM sent after ``seconds`` in place of a signal that came too early; 0 for never."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _ours() -> list[signal.Signals]:
    """Return the signals that this system has and that nobody wants ignored (``nohup``)."""
    there = [signal.Signals[name] for name in _NAMES if name in signal.Signals.__members__]
    return [each for each in there if signal.getsignal(each) is not signal.SIG_IGN]


@contextmanager
def _handled(signals: list[signal.Signals], handler: _Handler) -> Iterator[None]:
    before = {each: signal.signal(each, handler) for each in signals}
    try:
        yield
    finally:
        _put_off(0.0)
        for each, earlier in before.items():
            signal.signal(each, earlier)


class StatsFile:
    """Statistics as JSON, in a file that is complete whenever it is there.

    Args:
        path: the file; one that is there is replaced in the end.

    Raises:
        InputError: it cannot be written there; nothing is left behind.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        PartialFile(path).close()

    def write(self, summary: Mapping[str, Any]) -> None:
        """Write ``summary``, in place of an earlier file.

        Raises:
            InputError: the folder is gone.
            SinkError: the disk is full.
        """
        text = json.dumps(summary, indent=2) + "\n"
        with PartialFile(self._path) as file:
            file.write(text.encode())
