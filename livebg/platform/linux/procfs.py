"""Which programs have a device open, read from ``/proc``. Linux only."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Holder", "Holders", "find_holders"]

_PROC = Path("/proc")

Identity = tuple[int, ...]
"""What tells two files apart, by whatever name they are opened."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A program that has a device open.

    Attributes:
        pid: its process.
        name: what it calls itself.
        path: the device, as it was asked for.
        files: how many times it has it open.
    """

    pid: int
    name: str
    path: str
    files: int

    def __str__(self) -> str:
        return f"{self.name} (process {self.pid})"


@dataclass(frozen=True, slots=True)
class Holders:
    """Who has some devices open.

    Attributes:
        others: the other processes, in the order of their numbers.
        own_files: how many times this process has one of them open.
        complete: False if there are processes of other users that could not be looked at.
    """

    others: tuple[Holder, ...]
    own_files: int = 0
    complete: bool = True


def find_holders(
    paths: Iterable[str | Path],
    proc: Path = _PROC,
    own_pid: int = 0,
    pids: Iterable[int] | None = None,
) -> Holders:
    """Look through the processes for those that have one of ``paths`` open.

    Takes some ten milliseconds where a few hundred programs run, without ``pids``.

    Args:
        paths: device nodes or files; one that does not exist is held by nobody.
        proc: where the kernel shows the processes.
        own_pid: the process that is not one of the others; 0 is the one that asks.
        pids: the processes to look at; all by default.
    """
    wanted: dict[Identity, str] = {}
    for path in paths:
        try:
            wanted[_identity(os.stat(path))] = str(path)
        except OSError:
            continue
    own_pid = own_pid or os.getpid()
    others: list[Holder] = []
    own_files, complete = 0, True
    if pids is None:
        pids = (int(name) for name in os.listdir(proc) if name.isdecimal())
    for pid in sorted(pids):
        try:
            held = [wanted[file] for file in _open_files(proc / str(pid)) if file in wanted]
        except PermissionError:
            complete = False
            continue
        except OSError:  # it ended a moment ago
            continue
        if pid == own_pid:
            own_files = len(held)
            continue
        name = _name(proc / str(pid)) if held else ""
        others.extend(Holder(pid, name, path, held.count(path)) for path in dict.fromkeys(held))
    return Holders(tuple(others), own_files, complete)


def _open_files(process: Path) -> Iterator[Identity]:
    with os.scandir(process / "fd") as entries:
        for entry in entries:
            try:
                yield _identity(entry.stat())
            except OSError:  # closed a moment ago
                continue


def _identity(status: os.stat_result) -> Identity:
    if stat.S_ISCHR(status.st_mode):  # a sandbox may have a node of its own for the same device
        return (status.st_rdev,)
    return status.st_dev, status.st_ino


def _name(process: Path) -> str:
    try:
        return (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return "a program"
