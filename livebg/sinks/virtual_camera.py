"""The virtual camera that other programs read: v4l2loopback on Linux, OBS's elsewhere."""

from __future__ import annotations

import contextlib
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from livebg.errors import SinkError, SinkUnavailableError
from livebg.frame import Composite, Image, PixelFormat, Size, size_text
from livebg.sinks.base import Sink, repacked

if TYPE_CHECKING:
    from livebg.platform.linux.v4l2loopback import LoopbackDevice

__all__ = ["VirtualCamera"]

_SYS_FOLDER = Path("/sys/class/video4linux")


class VirtualCamera(Sink):
    """Sends composites to v4l2loopback (Linux) or OBS's virtual camera (Windows, macOS).

    Video calls list the device once it got its first picture, and some lose it for good when it
    closes: send a placeholder at once, and keep the sink for as long as the program runs.

    Args:
        size: ``(width, height)`` of the composites in pixels. Video formats halve the colour
            resolution, so an odd width or height loses its last column or row.
        fps: frames per second that is announced to readers; the caller keeps the pace.
        device: ``/dev/videoN`` or the device's name; None takes the first free one.

    Attributes:
        device: the device that is written to, for messages and for choosing it in a call.
        size: ``(width, height)`` that readers get.

    Raises:
        SinkUnavailableError: there is no such device, or it is in use; says how to get one.
    """

    reopened = True
    pixel_format = PixelFormat("i420", "bt601")
    """The format that v4l2loopback stores as it is, and that apps expect of a camera."""

    def __init__(self, size: Size, fps: float, device: str | None = None) -> None:
        self.size = self.pixel_format.held_size(size)
        self._composite_size = size
        self._writer: _LoopbackWriter | _ObsWriter = (
            _LoopbackWriter(self.size, fps, device)
            if sys.platform == "linux"
            else _ObsWriter(self.size, fps, device)
        )
        self.device = self._writer.device
        self.name = f"virtual camera {self.device}"
        self._closed = False

    @property
    def has_readers(self) -> bool | None:
        """Whether an app reads the device; None where the system does not tell."""
        return False if self._closed else self._writer.has_readers

    def send(self, composite: Composite) -> None:
        """Send ``composite``; transparent pixels become black.

        Raises:
            SinkError: the device is gone, the sink is closed, or the size is another one (readers
                cannot follow a change of size).
        """
        if self._closed:
            raise SinkError(f"{self.name} is closed; open it again to send")
        if composite.size != self._composite_size:
            raise SinkError(
                f"{self.name} was opened for {size_text(self._composite_size)} and cannot take a "
                f"picture of {size_text(composite.size)}; open it again in that size"
            )
        try:
            self._writer.send(repacked(composite, self.pixel_format))
        except (RuntimeError, OSError) as error:
            raise SinkError(
                f"{self.name} takes no more pictures ({error}); open it again"
            ) from error

    def close(self) -> None:
        """Release the device. Idempotent."""
        if not self._closed:
            self._closed = True
            self._writer.close()


class _ObsWriter:
    """Writes to OBS's virtual camera, which does not tell whether it is read."""

    has_readers: bool | None = None

    def __init__(self, size: Size, fps: float, device: str | None) -> None:
        try:
            self._camera = _open_pyvirtualcam(size, fps, device)
        except (RuntimeError, OSError) as error:
            name = f"virtual camera {device}" if device else "a virtual camera"
            advice = "install OBS (https://obsproject.com), which brings one"
            if sys.platform == "darwin":
                advice = f"{advice}, start it there once, and quit OBS"
            raise SinkUnavailableError(
                f"{name} cannot be opened ({_one_line(error)}); {advice}"
            ) from error
        self.device: str = self._camera.device

    def send(self, image: Image) -> None:
        self._camera.send(image)

    def close(self) -> None:
        self._camera.close()


class _LoopbackWriter:
    """Writes to a device of v4l2loopback and monitors its readers."""

    def __init__(self, size: Size, fps: float, device: str | None) -> None:
        from livebg.platform.linux.loopback_readers import monitor_readers
        from livebg.platform.linux.v4l2loopback import (
            RELOAD_COMMAND,
            WriterHandle,
            choose_loopback,
            list_loopbacks,
        )

        chosen = choose_loopback(device, list_loopbacks())
        self.device = chosen.path
        with contextlib.ExitStack() as opened:
            try:
                handle = WriterHandle(chosen.path, fps)
                opened.callback(handle.close)
                self._camera = _open_pyvirtualcam(size, fps, chosen.path)
                opened.callback(self._camera.close)
            except (RuntimeError, OSError) as error:
                raise SinkUnavailableError(
                    f"virtual camera {chosen} cannot be opened ({_one_line(error)}); close what "
                    f"uses it, then load its module again: {RELOAD_COMMAND}"
                ) from error
            handle.start_output()
            _check_size(chosen, size)
            self._monitor = monitor_readers(chosen.path, handle.descriptor)
            if self._monitor is not None:
                opened.callback(self._monitor.close)
            self._opened = opened.pop_all()

    @property
    def has_readers(self) -> bool | None:
        return None if self._monitor is None else self._monitor.has_readers()

    def send(self, image: Image) -> None:
        self._camera.send(image)

    def close(self) -> None:
        self._opened.close()


def _check_size(device: LoopbackDevice, size: Size) -> None:
    """Refuse a device whose reader keeps it at an earlier size: the driver accepts other pictures.

    Raises:
        SinkUnavailableError: readers would get garbled pictures.
    """
    from livebg.platform.linux.procfs import find_holders

    try:
        text = (_SYS_FOLDER / Path(device.path).name / "format").read_text(encoding="ascii")
    except OSError:
        return
    found = re.search(r":(\d+)x(\d+)", text)
    if found is None or (int(found[1]), int(found[2])) == size:
        return
    users = ", ".join(map(str, find_holders([device.path]).others)) or "another program"
    raise SinkUnavailableError(
        f"{device} is kept at {found[1]}x{found[2]} by {users}; close it there, or filter the "
        f"camera in that size: --size {found[1]}x{found[2]}"
    )


def _open_pyvirtualcam(size: Size, fps: float, device: str | None) -> Any:
    try:
        import pyvirtualcam
    except ImportError as error:
        raise SinkUnavailableError(
            "no virtual camera: the package pyvirtualcam cannot be imported "
            f"({error}); install it with `pip install pyvirtualcam`"
        ) from error
    return pyvirtualcam.Camera(
        size[0], size[1], fps, fmt=pyvirtualcam.PixelFormat.I420, device=device
    )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
