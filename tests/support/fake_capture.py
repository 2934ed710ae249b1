"""``cv2.VideoCapture`` on a webcam; no machine of the test run has one.

The fake does what OpenCV was seen to do on a real webcam.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from unittest.mock import patch

import cv2
import numpy as np

from livebg.clock import Clock, ManualClock
from livebg.config.camera import CameraSelector
from livebg.frame import Image, Size
from livebg.platform.cameras import CameraDevice, CameraMode
from livebg.sources.camera import Camera

MODES = (
    CameraMode("YUYV", (1280, 720), (Fraction(10),)),
    CameraMode("YUYV", (640, 480), (Fraction(30),)),
    CameraMode("MJPG", (1280, 720), (Fraction(30),)),
)
WEBCAM = CameraDevice("usb-1#0", "/dev/video3", 3, "Desk Camera", MODES)


def picture(size: Size = (1280, 720), level: int = 90) -> Image:
    return np.full((size[1], size[0], 3), level, np.uint8)


@dataclass
class FakeCapture:
    """Grants what it likes, and says yes to everything.

    ``pictures`` are delivered in turn, the last one for ever: an image, None for one that cannot
    be decoded, "broken" for one that makes OpenCV stumble, "gone" for an unplugged camera.
    """

    pictures: list[Image | str | None]
    opens: bool = True
    granted: dict[int, float] = field(default_factory=dict)
    asked: list[tuple[int, float]] = field(default_factory=list)
    grabs: int = 0
    released: int = 0

    def __call__(self, *arguments: object) -> FakeCapture:
        return self

    def isOpened(self) -> bool:
        return self.opens

    def set(self, prop: int, value: float) -> bool:
        self.asked.append((prop, value))
        self.granted.setdefault(prop, value)
        return True

    def get(self, prop: int) -> float:
        return self.granted.get(prop, 0.0)

    def grab(self) -> bool:
        self.grabs += 1
        now = self._now()
        return not (self.released or (isinstance(now, str) and now == "gone"))

    def retrieve(self) -> tuple[bool, Image | None]:
        image = self._now()
        if isinstance(image, str):
            raise cv2.error("imdecode failed")
        return image is not None, None if image is None else image.copy()

    def release(self) -> None:
        self.released += 1

    def _now(self) -> Image | str | None:
        return self.pictures[min(self.grabs, len(self.pictures)) - 1]


class PassingClock(ManualClock):
    """A clock on which each look takes an eighth of a second; a picture takes two looks."""

    def now_ns(self) -> int:
        self.advance(0.125)
        return super().now_ns()


def open_webcam(
    *pictures: Image | str | None,
    size: Size | None = None,
    fps: float = 30,
    device: CameraDevice = WEBCAM,
    capture: FakeCapture | None = None,
    clock: Clock | None = None,
) -> tuple[Camera, FakeCapture]:
    """Open a camera on a fake capture of ``pictures``, by default of grey ones for ever."""
    capture = capture or FakeCapture(list(pictures) or [picture(size or (1280, 720))])
    with (
        patch.object(cv2, "VideoCapture", capture),
        patch("livebg.sources.camera.list_cameras", lambda: [device]),
    ):
        camera = Camera(CameraSelector(), size=size, fps=fps, clock=clock or ManualClock(7))
    return camera, capture
