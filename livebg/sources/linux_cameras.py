"""Cameras of a Linux machine, from sysfs and V4L2; needs neither OpenCV nor v4l-utils."""

from __future__ import annotations

import errno
import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from livebg.platform.linux.procfs import find_holders
from livebg.platform.linux.v4l2 import Capability, Ioctl, is_busy, query_capability, query_modes
from livebg.sources.devices import CameraDevice

__all__ = ["find_problem", "list_linux_cameras"]

_LISTED = "`livebg cameras` lists what is there"


def list_linux_cameras(
    sys_folder: Path = Path("/sys/class/video4linux"),
    dev_folder: Path = Path("/dev"),
    ioctl: Ioctl = fcntl.ioctl,
) -> list[CameraDevice]:
    """Return the nodes that pictures can be captured from, in the order of their numbers.

    A webcam has a second node for metadata and a virtual camera without a program that feeds it is
    an output: neither is listed. A node that may not be opened is listed with its problem.

    Args:
        sys_folder: where the kernel lists its video nodes.
        dev_folder: where they can be opened.
        ioctl: ``fcntl.ioctl``.
    """
    links = _stable_links(dev_folder / "v4l")
    nodes = [node for node in _listed(sys_folder) if re.fullmatch(r"video\d+", node.name)]
    cameras = (
        _describe(node, dev_folder / node.name, links, ioctl)
        for node in sorted(nodes, key=lambda node: int(node.name[5:]))
    )
    return [camera for camera in cameras if camera is not None]


def find_problem(path: str, ioctl: Ioctl = fcntl.ioctl) -> str | None:
    """Return one sentence on what keeps the camera at ``path`` from being opened, or None.

    Args:
        path: a device node.
        ioctl: ``fcntl.ioctl``.
    """
    try:
        with _opened(path) as descriptor:
            try:
                capability = query_capability(descriptor, ioctl)
            except OSError:
                return f"{path} is not a camera; {_LISTED}"
            if not capability.captures:
                return (
                    f"{path} ({capability.card}) is not a capture device: it is an output, or "
                    f"carries metadata only; {_LISTED}"
                )
            if is_busy(descriptor, capability, ioctl):
                return _busy(path)
    except OSError as error:
        return _open_problem(path, error)
    return None


@contextmanager
def _opened(path: str | Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _listed(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _stable_links(folder: Path) -> dict[Path, str]:
    """Return udev's stable name of each node: by serial number, else by the plug it is in."""
    links: dict[Path, str] = {}
    for kind in ("by-path", "by-id"):  # the later one wins
        for link in sorted(_listed(folder / kind)):
            links[link.resolve()] = str(link)
    return links


def _describe(node: Path, path: Path, links: dict[Path, str], ioctl: Ioctl) -> CameraDevice | None:
    index = int(node.name[5:])
    try:
        with _opened(path) as descriptor:
            capability = query_capability(descriptor, ioctl)
            if not capability.captures:
                return None
            return CameraDevice(
                id=links.get(path.resolve()) or _bus_id(capability, node),
                path=str(path),
                index=index,
                name=capability.card,
                modes=query_modes(descriptor, capability, ioctl),
                virtual=capability.loopback,
            )
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EBUSY) or _number(node) > 0:
            return None
        return CameraDevice(
            id=links.get(path.resolve(), str(path)),
            path=str(path),
            index=index,
            name=_attribute(node, "name") or str(path),
            problem=_open_problem(str(path), error),
        )


def _bus_id(capability: Capability, node: Path) -> str:
    """Return the bus address with the node's number there (an infrared camera has a second one)."""
    return f"{capability.bus_info}#{_number(node)}"


def _number(node: Path) -> int:
    """Return which node of its device this is; a webcam's pictures come from number 0."""
    text = _attribute(node, "index")
    return int(text) if text.isdecimal() else 0


def _attribute(node: Path, name: str) -> str:
    try:
        return (node / name).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _open_problem(path: str, error: OSError) -> str:
    if error.errno in (errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.ENOTDIR):
        return f"there is no camera {path}; {_LISTED}"
    if error.errno in (errno.EACCES, errno.EPERM):
        return (
            f"you may not open camera {path}; join its group with "
            "`sudo usermod -aG video $USER` and log in again"
        )
    if error.errno == errno.EBUSY:
        return _busy(path)
    return f"camera {path} cannot be opened ({error.strerror}); {_LISTED}"


def _busy(path: str) -> str:
    holders = find_holders([path]).others
    users = ", ".join(map(str, holders)) or "another program"
    return f"camera {path} is in use by {users}; close it there, or choose another camera"
