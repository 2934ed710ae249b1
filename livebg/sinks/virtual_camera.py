"""A camera that other programs can choose, through pyvirtualcam."""

from __future__ import annotations

import sys
from typing import Any, Protocol

from livebg.errors import SinkError, SinkUnavailableError
from livebg.frame import Composite, Image, PixelFormat, Size, size_text
from livebg.sinks.base import Sink, repacked

__all__ = ["VirtualCamera"]


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
        device: the device that is fed, for messages and for choosing it in a call.
        size: ``(width, height)`` that readers get.

    Raises:
        SinkUnavailableError: there is no such device, or it is in use; says how to get one.
    """

    pixel_format = PixelFormat("i420", "bt601")
    """What v4l2loopback stores as it is, and what programs take a camera's pictures for."""

    def __init__(self, size: Size, fps: float, device: str | None = None) -> None:
        self.size = size[0] // 2 * 2, size[1] // 2 * 2
        self._composite_size = size
        self._feed = _open(self.size, fps, device)
        self.device = self._feed.device
        self.name = f"virtual camera {self.device}"
        self._closed = False

    @property
    def has_readers(self) -> bool | None:
        """Whether an app reads the device; None where the system does not tell."""
        return False if self._closed else self._feed.has_readers

    def send(self, composite: Composite) -> None:
        """Send ``composite``; what is transparent becomes black.

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
            self._feed.send(repacked(composite, self.pixel_format))
        except (RuntimeError, OSError) as error:
            raise SinkError(
                f"{self.name} takes no more pictures ({error}); open it again"
            ) from error

    def close(self) -> None:
        """Give the device back."""
        if not self._closed:
            self._closed = True
            self._feed.close()


class _Feed(Protocol):
    """What takes the pictures of one device."""

    @property
    def device(self) -> str: ...

    @property
    def has_readers(self) -> bool | None: ...

    def send(self, image: Image, /) -> None: ...

    def close(self) -> None: ...


class _ObsFeed:
    """OBS's virtual camera, which does not tell whether it is read."""

    has_readers: bool | None = None

    def __init__(self, size: Size, fps: float, device: str | None) -> None:
        try:
            self._camera = _open_pyvirtualcam(size, fps, device)
        except (RuntimeError, OSError) as error:
            wanted = f"virtual camera {device}" if device else "a virtual camera"
            reason = " ".join(str(error).split())
            raise SinkUnavailableError(
                f"{wanted} cannot be opened ({reason}); {_advice()}"
            ) from error
        self.device: str = self._camera.device
        self.send = self._camera.send
        self.close = self._camera.close


def _open(size: Size, fps: float, device: str | None) -> _Feed:
    if sys.platform != "linux":
        return _ObsFeed(size, fps, device)
    from livebg.platform.linux.loopback_feed import LoopbackFeed

    return LoopbackFeed(device, size, fps, _open_pyvirtualcam)


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


def _advice() -> str:
    """Return how to get OBS's virtual camera on this system."""
    if sys.platform == "darwin":
        return "install OBS (https://obsproject.com), start its virtual camera once, and quit it"
    return "install OBS (https://obsproject.com), which brings one"
