"""Which cameras are plugged in, and which of them is meant."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from livebg.errors import SourceUnavailableError
from livebg.platform.camera_modes import CameraMode

__all__ = ["NO_CAMERA", "CameraDevice", "explain_unavailable", "find_camera", "list_cameras"]

NO_CAMERA = (
    "no camera found; plug one in, or pretend with --camera VIDEO; `livebg cameras` lists them"
)

_MOST_PROBED = 10
"""Indices that are tried where the system does not list its cameras."""


@dataclass(frozen=True, slots=True)
class CameraDevice:
    """A camera of this machine.

    Attributes:
        id: the same after a reboot or when plugged in again: a link below ``/dev/v4l``, or the
            bus address; elsewhere than on Linux the index.
        path: what to open: ``/dev/video0``; elsewhere than on Linux the index.
        index: number that OpenCV knows it by.
        name: what its maker calls it.
        modes: what it can deliver; empty where that cannot be asked.
        virtual: True when another program feeds it (v4l2loopback).
        problem: why it cannot be opened, as a sentence; empty when it can.
    """

    id: str
    path: str
    index: int
    name: str
    modes: tuple[CameraMode, ...] = ()
    virtual: bool = False
    problem: str = ""


def list_cameras() -> list[CameraDevice]:
    """Return the cameras of this machine in the order of their numbers; none gives an empty list.

    On Linux nothing is started: the devices are only asked. Elsewhere the first indices are opened
    by OpenCV one after the other, and their lights may flash.
    """
    if sys.platform == "linux":
        from livebg.sources.linux_cameras import list_linux_cameras

        return list_linux_cameras()
    return _probe_cameras()


def find_camera(selector: str, cameras: Sequence[CameraDevice]) -> CameraDevice:
    """Return the camera that a user means.

    Args:
        selector: ``auto`` (the first real camera, then the first virtual one), an index, a path, an
            ``id``, or a part of the name, in upper or lower case.
        cameras: the ones to choose from.

    Raises:
        SourceUnavailableError: there is none like that, or it cannot be opened.

    Example:
        >>> desk = CameraDevice("usb-1", "/dev/video0", 0, "Integrated Camera")
        >>> find_camera("integrated", [desk]).path
        '/dev/video0'
    """
    if selector == "auto":
        found = _first_usable(cameras)
    elif selector.isdecimal():
        found = _by_index(int(selector), cameras)
    elif os.path.isabs(selector):
        found = _by_path(selector, cameras)
    else:
        found = _by_name(selector, cameras)
    if found.problem:
        raise SourceUnavailableError(found.problem)
    return found


def explain_unavailable(path: str) -> str:
    """Return one sentence on why the camera at ``path`` cannot be opened, and what to do.

    OpenCV only says that it failed. On Linux the device itself is asked: missing, forbidden, in
    use, or no capture device; elsewhere all of them are named.
    """
    if sys.platform == "linux":
        from livebg.sources.linux_cameras import find_problem

        return find_problem(path) or (
            f"camera {path} could not be opened although it is free; plug it in again, or try "
            "another --size"
        )
    return (
        f"camera {path} could not be opened; it may be in use by another program, or this one may "
        "not be allowed to use it (see the system's privacy settings); `livebg cameras` lists them"
    )


def _first_usable(cameras: Sequence[CameraDevice]) -> CameraDevice:
    if not cameras:
        raise SourceUnavailableError(NO_CAMERA)
    return min(cameras, key=lambda camera: (bool(camera.problem), camera.virtual))


def _by_index(index: int, cameras: Sequence[CameraDevice]) -> CameraDevice:
    for camera in cameras:
        if camera.index == index:
            return camera
    path = f"/dev/video{index}" if sys.platform == "linux" else str(index)
    raise SourceUnavailableError(explain_unavailable(path))


def _by_path(path: str, cameras: Sequence[CameraDevice]) -> CameraDevice:
    for camera in cameras:
        if path in (camera.id, camera.path) or os.path.realpath(path) == camera.path:
            return camera
    raise SourceUnavailableError(explain_unavailable(path))


def _by_name(name: str, cameras: Sequence[CameraDevice]) -> CameraDevice:
    wanted = name.casefold()
    for camera in cameras:
        if name == camera.id or wanted in camera.name.casefold():
            return camera
    if not cameras:
        raise SourceUnavailableError(f"{name!r} is neither a video file nor a camera: {NO_CAMERA}")
    there = ", ".join(f"{camera.name} ({camera.path})" for camera in cameras)
    raise SourceUnavailableError(
        f"{name!r} is neither a video file nor a part of a camera's name; the cameras are: {there}"
    )


def _probe_cameras() -> list[CameraDevice]:
    """Open one index after the other until there is no camera; they are numbered without gaps."""
    import cv2

    cameras = []
    for index in range(_MOST_PROBED):
        capture = cv2.VideoCapture(index)
        try:
            if not capture.isOpened():
                break
            size = (
                int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
                int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
            )
        finally:
            capture.release()
        cameras.append(
            CameraDevice(
                id=str(index),
                path=str(index),
                index=index,
                name=f"camera {index}",
                modes=(CameraMode("", size),),
            )
        )
    return cameras
