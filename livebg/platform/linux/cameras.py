"""The cameras of a Linux machine, from sysfs and V4L2."""

from __future__ import annotations

import errno
import fcntl
import re
from pathlib import Path

from livebg.platform.cameras import CameraDevice
from livebg.platform.linux.procfs import find_holders
from livebg.platform.linux.v4l2 import Ioctl, is_busy, opened_node, query_capability, query_modes

__all__ = ["find_problem", "list_linux_cameras"]

_SYS_FOLDER = Path("/sys/class/video4linux")
_DEV_FOLDER = Path("/dev")
_HINT = "`livebg cameras` lists what is there"


def list_linux_cameras(
    sys_folder: Path = _SYS_FOLDER, dev_folder: Path = _DEV_FOLDER, ioctl: Ioctl = fcntl.ioctl
) -> list[CameraDevice]:
    """Return the nodes that capture pictures, in the order of their numbers.

    A webcam's second node carries metadata, and a virtual camera that no program feeds is an
    output: neither is listed. A node that may not be opened is listed with its problem.
    """
    links = _stable_links(dev_folder / "v4l")
    nodes = [node for node in _listed(sys_folder) if re.fullmatch(r"video\d+", node.name)]
    cameras = (
        _describe(node, dev_folder / node.name, links, ioctl)
        for node in sorted(nodes, key=lambda node: int(node.name[5:]))
    )
    return [camera for camera in cameras if camera is not None]


def find_problem(path: str, ioctl: Ioctl = fcntl.ioctl) -> str:
    """Return one sentence on what keeps the camera at ``path`` from being opened, or nothing."""
    try:
        with opened_node(path) as descriptor:
            try:
                capability = query_capability(descriptor, ioctl)
            except OSError:
                return f"{path} is not a camera; {_HINT}"
            if not capability.captures:
                return (
                    f"{path} ({capability.card}) is not a capture device: it is an output, or "
                    f"carries metadata only; {_HINT}"
                )
            return _busy(path) if is_busy(descriptor, capability, ioctl) else ""
    except OSError as error:
        return _open_problem(path, error)


def _describe(node: Path, path: Path, links: dict[Path, str], ioctl: Ioctl) -> CameraDevice | None:
    index = int(node.name[5:])
    number = _attribute(node, "index")  # among the nodes of one device
    link = links.get(path.resolve(), "")
    try:
        with opened_node(path) as descriptor:
            capability = query_capability(descriptor, ioctl)
            if not capability.captures:
                return None
            return CameraDevice(
                # An infrared camera is a second node at the same bus address.
                id=link or f"{capability.bus_info}#{number or 0}",
                path=str(path),
                index=index,
                name=capability.card,
                modes=query_modes(descriptor, capability, ioctl),
                virtual=capability.loopback,
            )
    except OSError as error:
        # Of a node that may not be opened, only its number tells that it carries pictures.
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EBUSY) or number not in ("", "0"):
            return None
        return CameraDevice(
            id=link or str(path),
            path=str(path),
            index=index,
            name=_attribute(node, "name") or str(path),
            problem=_open_problem(str(path), error),
        )


def _stable_links(folder: Path) -> dict[Path, str]:
    """Return udev's stable name of each node: by serial number, else by the plug it is in."""
    links: dict[Path, str] = {}
    for kind in ("by-path", "by-id"):  # the later one wins
        for link in sorted(_listed(folder / kind)):
            links[link.resolve()] = str(link)
    return links


def _listed(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _attribute(node: Path, name: str) -> str:
    try:
        return (node / name).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _open_problem(path: str, error: OSError) -> str:
    match error.errno:
        case errno.ENOENT | errno.ENODEV | errno.ENXIO | errno.ENOTDIR:
            return f"there is no camera {path}; {_HINT}"
        case errno.EACCES | errno.EPERM:
            return (
                f"you may not open camera {path}; join its group with "
                "`sudo usermod -aG video $USER` and log in again"
            )
        case errno.EBUSY:
            return _busy(path)
        case _:
            return f"camera {path} cannot be opened ({error.strerror}); {_HINT}"


def _busy(path: str) -> str:
    users = ", ".join(map(str, find_holders([path]).others)) or "another program"
    return f"camera {path} is in use by {users}; close it there, or choose another camera"
