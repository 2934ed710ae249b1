"""A camera of this machine: what it is, what it can deliver, and what to ask of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from livebg.frame import Size, size_text

__all__ = ["DEFAULT_SIZE", "CameraDevice", "CameraMode", "choose_mode", "fourcc_text", "shortfalls"]

DEFAULT_SIZE: Size = (1280, 720)
"""The size to ask of a camera if the user names none: the largest that calls usually send."""

_UNCOMPRESSED = ("YUYV", "UYVY", "NV12", "NV21", "YU12", "YV12", "BGR3", "RGB3")
_COMPRESSED = ("MJPG", "JPEG")
_RATE_SLACK = 0.98
"""A camera that lists 29.97 reaches 30."""


@dataclass(frozen=True, slots=True)
class CameraMode:
    """A pixel format and a size, with the rates at which the camera delivers them.

    Attributes:
        fourcc: the four letters of the pixel format (``MJPG``, ``YUYV``), empty if unknown.
        size: ``(width, height)`` in pixels.
        rates: frames per second, fastest first; empty if unknown.
    """

    fourcc: str
    size: Size
    rates: tuple[Fraction, ...] = ()

    def reaches(self, fps: float) -> bool:
        """Say whether the camera delivers ``fps`` frames per second; True if it does not say."""
        return not self.rates or float(self.rates[0]) >= fps * _RATE_SLACK

    def __str__(self) -> str:
        words = [size_text(self.size)]
        if self.fourcc:
            words.append(self.fourcc)
        if self.rates:
            words.append(f"at {_rate_text(self)}")
        return " ".join(words)


@dataclass(frozen=True, slots=True)
class CameraDevice:
    """A camera of this machine.

    Attributes:
        id: stays the same after a reboot or a new plug: on Linux a link below ``/dev/v4l`` or the
            bus address, elsewhere the index.
        path: on Linux ``/dev/video0``, elsewhere the index.
        index: OpenCV's number of the camera.
        name: the maker's name.
        modes: what it can deliver; empty if the system does not tell.
        virtual: True if another program feeds it (v4l2loopback).
        problem: one sentence why it cannot be opened; empty if it can.
    """

    id: str
    path: str
    index: int
    name: str
    modes: tuple[CameraMode, ...] = ()
    virtual: bool = False
    problem: str = ""


def choose_mode(modes: Sequence[CameraMode], size: Size | None, fps: float) -> CameraMode | None:
    """Return the mode to ask of a camera, or None if none of ``modes`` can be decoded.

    Uncompressed pictures are preferred, as they cost no decoding and carry no JPEG blocks; MJPG is
    taken where the uncompressed ones cannot reach the rate at that size (USB 2 carries 1280x720 as
    YUYV at 10 frames/s only).

    Args:
        modes: what the camera lists.
        size: ``(width, height)`` that was asked for; the nearest listed one is taken. None takes
            the largest one up to `DEFAULT_SIZE` that reaches the rate.
        fps: frames per second to reach.
    """
    decodable = [mode for mode in modes if mode.fourcc in _UNCOMPRESSED + _COMPRESSED]
    if not decodable:
        return None
    width, height = size or _default_size(decodable, fps)
    sizes = [mode.size for mode in decodable]
    chosen = min(sizes, key=lambda one: abs(one[0] - width) + abs(one[1] - height))
    return max(
        (mode for mode in decodable if mode.size == chosen),
        key=lambda mode: (_delivered(mode, fps), mode.fourcc in _UNCOMPRESSED),
    )


def fourcc_text(code: int) -> str:
    """Return the letters of a pixel format, empty for 0."""
    letters = (code & 0x7FFF_FFFF).to_bytes(4, "little")  # bit 31: big-endian variant
    return letters.decode("ascii", "replace").strip("\0 ")


def shortfalls(asked: CameraMode, granted: CameraMode) -> list[str]:
    """Say where a camera delivers less than it was asked for, or something else.

    What one of the two leaves open counts as met. Each shortfall is the end of a sentence that
    begins with the camera's name.
    """
    found = []
    if granted.size != asked.size:
        found.append(f"sends {size_text(granted.size)} instead of {size_text(asked.size)}")
    if asked.fourcc and granted.fourcc and granted.fourcc != asked.fourcc:
        found.append(f"sends {granted.fourcc} instead of {asked.fourcc}")
    if asked.rates and granted.rates and not granted.reaches(float(asked.rates[0])):
        found.append(f"makes {_rate_text(granted)} instead of {_rate_text(asked)}")
    return found


def _rate_text(mode: CameraMode) -> str:
    return f"{float(mode.rates[0]):.3g} frames/s"


def _default_size(modes: Sequence[CameraMode], fps: float) -> Size:
    best = max(_delivered(mode, fps) for mode in modes)
    sizes = sorted({mode.size for mode in modes if _delivered(mode, fps) == best}, key=math.prod)
    fitting = [size for size in sizes if math.prod(size) <= math.prod(DEFAULT_SIZE)]
    return fitting[-1] if fitting else sizes[0]


def _delivered(mode: CameraMode, fps: float) -> float:
    return fps if mode.reaches(fps) else float(mode.rates[0])
