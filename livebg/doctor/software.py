"""Checks of the software that livebg stands on, and of its weights."""

from __future__ import annotations

import os
import platform
from importlib.util import find_spec
from pathlib import Path

from livebg import __version__
from livebg.cache import cache_folder
from livebg.doctor.finding import Finding, Machine
from livebg.models.catalog import CATALOG
from livebg.models.weights import weights_path

__all__ = ["check_cache", "check_python", "check_weights"]


def check_python(machine: Machine) -> list[Finding]:
    """Say which Python and which livebg this is, and whether the fast compositing can be built."""
    system = f"{platform.system()} {machine.kernel}".strip()
    findings = [
        Finding("livebg", "ok", f"{__version__}, from {Path(__file__).parents[1]}"),
        Finding("Python", "ok", f"{platform.python_version()} on {system} {platform.machine()}"),
    ]
    if find_spec("numba") is None:
        findings.append(
            Finding("numba", "warn", "is missing, compositing is slower", "pip install numba")
        )
    return findings


def check_cache(machine: Machine) -> list[Finding]:
    """Say where downloads and compiled networks go, and whether they can."""
    folder = cache_folder()
    present = next(place for place in (folder, *folder.parents) if place.exists())
    if present.is_dir() and machine.may_access(present, os.W_OK | os.X_OK):
        return [Finding("cache", "ok", str(folder))]
    reason = "may not be written to" if present.is_dir() else "is no folder"
    return [
        Finding(
            "cache",
            "fail",
            f"{present} {reason}, weights cannot be stored in {folder}",
            f"sudo chown -R $USER '{present}', or set LIVEBG_CACHE to a folder of yours",
        )
    ]


def check_weights(machine: Machine) -> list[Finding]:
    """Say which networks' weights are here."""
    try:
        here = [name for name, entry in CATALOG.items() if weights_path(entry) is not None]
    except OSError as error:
        return [
            Finding(
                "weights",
                "fail",
                f"cannot be read: {error}",
                f"sudo chown -R $USER '{cache_folder()}'",
            )
        ]
    if "rvm" in here:
        return [Finding("weights", "ok", f"{', '.join(here)} are here")]
    return [
        Finding(
            "weights",
            "warn",
            "those of rvm, the default network, are fetched on first use",
            "livebg models pull rvm",
        )
    ]
