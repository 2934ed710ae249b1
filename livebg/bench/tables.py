"""What the numbers were measured on.

A Markdown table whose columns are aligned, to be read as plain text too.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import cv2

from livebg import __version__
from livebg.segmenters.openvino_compile import openvino_core, resolve_precision

__all__ = ["Machine", "Table", "describe_machine", "ms_text", "share_text"]


_PACKAGES = ("openvino", "numpy", "numba")


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine and the software on it.

    Attributes:
        processor: its full name.
        cores: processors that this process may use.
        system: operating system and architecture.
        capabilities: arithmetic that OpenVINO finds in the processor.
        precision: what a network is computed in when nobody chooses: ``bf16`` or ``f32``.
        versions: by name, of livebg, Python and the packages that do the work.
    """

    processor: str
    cores: int
    system: str
    capabilities: tuple[str, ...]
    precision: str
    versions: dict[str, str]


def describe_machine() -> Machine:
    """Look at this machine."""
    core = openvino_core()
    return Machine(
        processor=core.get_property("CPU", "FULL_DEVICE_NAME").strip(),
        cores=_usable_cores(),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        capabilities=tuple(sorted(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"))),
        precision=resolve_precision("CPU", "auto"),
        versions={
            "livebg": __version__,
            "Python": platform.python_version(),
            "OpenCV": cv2.__version__,
            **{name: _version(name) for name in _PACKAGES},
        },
    )


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"


@dataclass(frozen=True, slots=True)
class Table:
    """Cells as they are printed; the first columns, which hold words, are aligned to the left.

    Attributes:
        columns: what stands above each.
        rows: a text for each column.
        words: how many of the first columns hold words.
    """

    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    words: int

    def lines(self) -> Iterator[str]:
        """Yield the table line by line."""
        cells = [self.columns, *self.rows]
        widths = [max(len(row[place]) for row in cells) for place in range(len(self.columns))]
        rule = [
            "-" * width if place < self.words else "-" * (width - 1) + ":"
            for place, width in enumerate(widths)
        ]
        for row in (self.columns, tuple(rule), *self.rows):
            padded = (
                text.ljust(width) if place < self.words else text.rjust(width)
                for place, (text, width) in enumerate(zip(row, widths, strict=True))
            )
            yield f"| {' | '.join(padded)} |"


def ms_text(ms: float) -> str:
    """Return milliseconds with three digits or more."""
    return f"{ms:.2f}" if ms < 10 else f"{ms:.1f}"


def share_text(share: float) -> str:
    """Return a share of 1 in per cent."""
    return f"{share:.0%}".replace("%", " %")
