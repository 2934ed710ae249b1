"""What the numbers were measured on."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import cv2

from livebg import __version__
from livebg.segment.openvino_engine import openvino_core, resolve_precision

__all__ = ["Machine", "describe_machine"]

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
