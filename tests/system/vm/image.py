"""The disk of the test machine: built once by ``build_image.sh``, then kept in the cache."""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Image", "ImageError", "obstacle", "prepare_image"]

_HERE = Path(__file__).parent
_SOURCES = (_HERE / "build_image.sh", _HERE / "init")
_PROGRAMS = {
    "qemu-system-x86_64": "qemu-system-x86",
    "debootstrap": "debootstrap",
    "mkfs.ext4": "e2fsprogs",
}
"""Programs that are needed, and Debian's packages of them."""


class ImageError(Exception):
    """The disk cannot be built; the message says why and ends with what was printed."""


@dataclass(frozen=True, slots=True)
class Image:
    """A machine's disk, its kernel and the kernel's first file system."""

    disk: Path
    kernel: Path
    initrd: Path


def obstacle(folder: Path) -> str | None:
    """Return why the test machine cannot be had here, or None."""
    if platform.machine() != "x86_64" or _debian_release() != "12":
        return (
            "the test machine is a Debian 12 on x86-64 that borrows this machine's Python; "
            "run this on Debian 12"
        )
    missing = [package for name, package in _PROGRAMS.items() if not shutil.which(name)]
    if missing:
        return f"needs QEMU and what builds its disk: sudo apt install {' '.join(missing)}"
    if os.geteuid() != 0 and not _place(folder).is_dir():
        return "the disk of the test machine is built by root only; run this once as root"
    return None


def prepare_image(folder: Path) -> Image:
    """Return the test machine's disk from ``folder``; build it where it is not there yet.

    That takes minutes and 2 GB. Disks of older builds are deleted.

    Raises:
        ImageError: it cannot be built.
    """
    place = _place(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.is_dir():
            for old in folder.glob("debian-*"):
                shutil.rmtree(old)
            scratch = Path(tempfile.mkdtemp(dir=folder, prefix="build-"))
            try:
                _build(scratch)
                scratch.rename(place)
            except BaseException:
                shutil.rmtree(scratch)
                raise
    return Image(place / "disk.img", place / "kernel", place / "initrd")


def _place(folder: Path) -> Path:
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in _SOURCES))
    return folder / f"debian-{digest.hexdigest()[:16]}"


def _build(folder: Path) -> None:
    done = subprocess.run(
        [str(_SOURCES[0]), str(folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        last = "\n".join(done.stdout.splitlines()[-40:])
        raise ImageError(f"the disk of the test machine cannot be built:\n{last}")


def _debian_release() -> str | None:
    try:
        facts = platform.freedesktop_os_release()
    except OSError:
        return None
    return facts.get("VERSION_ID") if facts.get("ID") == "debian" else None
