"""Feeding a device of v4l2loopback: the right one, in the right size, for as long as it takes."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from livebg.errors import SinkUnavailableError
from livebg.open_files import find_holders
from livebg.sink.loopback_claim import LoopbackClaim
from livebg.sink.loopback_device import (
    RELOAD_COMMAND,
    LoopbackDevice,
    choose_loopback,
    list_loopbacks,
)
from livebg.sink.loopback_watch import watch_readers
from livebg.types import Image, Size

__all__ = ["LoopbackFeed"]

_SYS_FOLDER = Path("/sys/class/video4linux")


class LoopbackFeed:
    """A chosen device, opened to be fed, and claimed and watched beside.

    Args:
        selector: the device, see ``choose_loopback``.
        size: ``(width, height)`` of the pictures, both even.
        fps: frames per second that readers are told.
        open_camera: opens the device at a path to feed it; raises RuntimeError or OSError.

    Attributes:
        device: its path.

    Raises:
        SinkUnavailableError: no such device can be fed; says what to do.
    """

    def __init__(
        self,
        selector: str | None,
        size: Size,
        fps: float,
        open_camera: Callable[[Size, float, str | None], Any],
    ) -> None:
        chosen = choose_loopback(selector, list_loopbacks())
        self.device = chosen.path
        with contextlib.ExitStack() as undo:
            try:
                self._claim = LoopbackClaim(chosen.path, fps)
                undo.callback(self._claim.close)
                self._camera = open_camera(size, fps, chosen.path)
                undo.callback(self._camera.close)
            except (RuntimeError, OSError) as error:
                raise SinkUnavailableError(_refusal(chosen, error)) from error
            self._claim.hold()
            _check_size(chosen, size)
            self._watch = watch_readers(chosen.path, self._claim.descriptor)
            undo.pop_all()

    @property
    def watched(self) -> bool | None:
        """Whether an app reads the device; None where it cannot be told."""
        return None if self._watch is None else self._watch.watched()

    def send(self, image: Image) -> None:
        """Write one picture of the announced size.

        Raises:
            RuntimeError: the device is gone.
        """
        self._camera.send(image)

    def close(self) -> None:
        """Give the device back; the next program can feed it. Once."""
        self._camera.close()
        if self._watch is not None:
            self._watch.close()
        self._claim.close()


def _check_size(device: LoopbackDevice, size: Size) -> None:
    """Refuse a device whose reader holds it to an earlier size: the driver says nothing of it.

    Raises:
        SinkUnavailableError: readers would get garbled pictures.
    """
    try:
        said = (_SYS_FOLDER / os.path.basename(device.path) / "format").read_text(encoding="ascii")
    except OSError:
        return
    found = re.search(r":(\d+)x(\d+)", said)
    if found is None or (int(found[1]), int(found[2])) == size:
        return
    users = ", ".join(map(str, find_holders([device.path]).others)) or "another program"
    raise SinkUnavailableError(
        f"{device.path} ({device.name}) is kept at {found[1]}x{found[2]} by {users}; close it "
        f"there, or filter the camera in that size: --size {found[1]}x{found[2]}"
    )


def _refusal(device: LoopbackDevice, error: Exception) -> str:
    reason = " ".join(str(error).split())
    return (
        f"virtual camera {device.path} ({device.name}) cannot be opened ({reason}); close what "
        f"uses it, then load its module again: {RELOAD_COMMAND}"
    )
