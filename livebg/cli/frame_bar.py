"""How far a conversion is: a bar with the time left, on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["FrameProgress", "frame_progress"]

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
