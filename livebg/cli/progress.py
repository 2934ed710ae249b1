"""How downloads show on the terminal: a bar, or one line a file where nobody watches."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from livebg.fetch import Progress

__all__ = ["download_progress", "megabytes"]


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
