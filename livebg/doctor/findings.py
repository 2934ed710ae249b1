"""A machine to check, and the findings of checks."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

__all__ = ["Check", "Finding", "Machine", "Status"]

Status = Literal["ok", "warn", "fail"]
"""``ok``: works. ``warn``: something is missing that livebg can do without. ``fail``: mend it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One result of a check.

    Attributes:
        topic: what it is about, in a word or two.
        status: whether it works.
        said: one sentence without a full stop.
        remedy: the command that mends it, or what to do if no command does; empty if it is ok.
    """

    topic: str
    status: Status
    said: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine that the checks look at; a test can describe another one.

    Attributes:
        root: folder that holds ``/dev``, ``/proc``, ``/sys``.
        platform: as ``sys.platform``.
        kernel: release of the running kernel; empty on Windows.
        environment: variables of the process.
        may_access: as ``os.access``.
    """

    root: Path = Path("/")
    platform: str = sys.platform
    kernel: str = os.uname().release if hasattr(os, "uname") else ""
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    may_access: Callable[[Path, int], bool] = os.access

    def read(self, path: str) -> str:
        """Return the stripped text of a file below ``root``; empty if it cannot be read."""
        try:
            return (self.root / path).read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            return ""


Check = Callable[[Machine], list[Finding]]
"""A function that returns its findings, and raises for nothing that it may find on a machine."""
