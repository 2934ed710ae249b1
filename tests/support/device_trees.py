"""Machines that a test describes by files below a root."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from livebg.doctor.findings import Finding, Machine

__all__ = ["LOADED", "holding", "linux", "only"]

LOADED = {
    "sys/module/v4l2loopback/version": "0.15.0\n",
    "sys/module/v4l2loopback/parameters/exclusive_caps": "Y,N,N,N\n",
    "sys/class/video4linux/video4/name": "livebg\n",
    "sys/class/video4linux/video4/max_openers": "10\n",
    "dev/video4": "",
}
"""A machine on which v4l2loopback is loaded as it should be."""


def linux(root: Path, files: Mapping[str, str | bytes | None], **facts: Any) -> Machine:
    """Return a Linux machine with ``files``, by path and content; None leaves one out."""
    for name, content in files.items():
        path = root / name
        if content is None:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    (root / "proc").mkdir(exist_ok=True)
    return Machine(**{"root": root, "platform": "linux", "kernel": "6.1.0", **facts})


def holding(machine: Machine, program: str, path: str) -> Machine:
    """Let process 30, called ``program``, have the file ``path`` of ``machine`` open."""
    process = machine.root / "proc/30"
    (process / "fd").mkdir(parents=True)
    (process / "comm").write_text(f"{program}\n")
    (process / "fd/7").symlink_to(machine.root / path)
    return machine


def only(findings: list[Finding]) -> Finding:
    """Return the finding that there is."""
    (finding,) = findings
    return finding
