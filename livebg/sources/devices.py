"""Lists the cameras of this machine, and finds the one that a user means."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from livebg.config.camera import CameraKind, CameraSelector
from livebg.errors import SourceUnavailableError
from livebg.platform.cameras import CameraDevice, CameraMode

__all__ = ["explain_unavailable", "find_camera", "list_cameras"]

_NO_CAMERA = (
    "no camera found; plug one in, or pretend with --camera VIDEO; `livebg cameras` lists them"
)

_MAX_PROBED = 10
"""Indices that are tried where the system does not list its cameras."""


def list_cameras() -> list[CameraDevice]:
    """Return the cameras of this machine in the order of their numbers.

    On Linux no camera is started. Elsewhere OpenCV opens the first indices one after the other, and
    the cameras' lights may flash.
    """
    if sys.platform == "linux":
        from livebg.platform.linux.cameras import list_linux_cameras

        return list_linux_cameras()
    return _probe_cameras()


def find_camera(selector: CameraSelector, cameras: Sequence[CameraDevice]) -> CameraDevice:
    """Return the camera that a user means.

    Args:
        selector: ``auto`` (the first real camera, then the first virtual one), an index, a path, an
            ``id``, or a part of the name, in upper or lower case.
        cameras: the ones to choose from.

    Raises:
        SourceUnavailableError: there is none like that, or it cannot be opened.
    """
    if selector.kind is CameraKind.AUTO:
        usable_first = sorted(cameras, key=lambda camera: (bool(camera.problem), camera.virtual))
        found = next(iter(usable_first), None)
    else:
        found = next((camera for camera in cameras if _is_meant(camera, selector)), None)
    if found is None or found.problem:
        problem = found.problem if found else _explain_missing(selector, cameras)
        raise SourceUnavailableError(problem)
    return found


def explain_unavailable(path: str) -> str:
    """Return one sentence on why the camera at ``path`` cannot be opened, and what to do.

    OpenCV only says that it failed. On Linux the device itself is asked: missing, forbidden, in
    use, or no capture device; elsewhere the sentence names all of them.
    """
    if sys.platform == "linux":
        from livebg.platform.linux.cameras import find_problem

        return find_problem(path) or (
            f"camera {path} could not be opened although it is free; plug it in again, or try "
            "another --size"
        )
    return (
        f"camera {path} could not be opened; it may be in use by another program, or this one may "
        "not be allowed to use it (see the system's privacy settings); `livebg cameras` lists them"
    )


def _is_meant(camera: CameraDevice, selector: CameraSelector) -> bool:
    text = selector.text
    match selector.kind:
        case CameraKind.INDEX:
            return camera.index == int(text)
        case CameraKind.DEVICE:
            return text in (camera.id, camera.path) or os.path.realpath(text) == camera.path
    return text == camera.id or text.casefold() in camera.name.casefold()


def _explain_missing(selector: CameraSelector, cameras: Sequence[CameraDevice]) -> str:
    text = selector.text
    match selector.kind:
        case CameraKind.AUTO:
            return _NO_CAMERA
        case CameraKind.INDEX:
            return explain_unavailable(
                f"/dev/video{int(text)}" if sys.platform == "linux" else text
            )
        case CameraKind.DEVICE:
            return explain_unavailable(text)
    if not cameras:
        return f"{text!r} is neither a video file nor a camera: {_NO_CAMERA}"
    names = ", ".join(f"{camera.name} ({camera.path})" for camera in cameras)
    return (
        f"{text!r} is neither a video file nor a part of a camera's name; the cameras are: {names}"
    )


def _probe_cameras() -> list[CameraDevice]:
    """Open one index after the other until there is no camera; they are numbered without gaps."""
    import cv2

    cameras = []
    for index in range(_MAX_PROBED):
        capture = cv2.VideoCapture(index)
        opened = capture.isOpened()
        width = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH))
        height = int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        capture.release()
        if not opened:
            break
        modes = (CameraMode("", (width, height)),)
        cameras.append(CameraDevice(str(index), str(index), index, f"camera {index}", modes))
    return cameras
