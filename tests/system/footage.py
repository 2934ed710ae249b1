"""A person in a room with a poster on the wall, and how the filtered picture should look."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from livebg.config.load import load_settings
from livebg.frame import Frame, Image, Size
from livebg.pipeline import Pipeline
from livebg.sources.video import VideoFile
from tests.support.fakes import processed

__all__ = ["BACKGROUND_BGR", "FPS", "SETTINGS", "SIZE", "Footage", "make_footage", "shows_poster"]

_BACKGROUND = "color:#1ea05a"
BACKGROUND_BGR = (0x5A, 0xA0, 0x1E)

# Emulated, a floating-point operation takes some nanoseconds: a small picture and the smallest
# network keep an inference near a second.
SIZE: Size = (320, 180)
FPS = 5
SETTINGS = {
    "background": _BACKGROUND,
    "matte_size": "64x64",
    "crop": "false",
    "precision": "f32",
    "max_matte_age_s": "10",
}

_EVERY = 6
"""The clip has 30 frames a second."""

_POSTER = (slice(8, 56), slice(264, 312))
_MAGENTA = (255, 0, 255)
_FEWEST_PIXELS = 12


@dataclass(frozen=True, slots=True)
class Footage:
    """What the webcam sees, over and over, and what an app may see of it.

    Attributes:
        room: the webcam's pictures, in order.
        filtered: what livebg makes of each offline, on this machine.
    """

    room: list[Image]
    filtered: list[Image]

    def write_raw(self, path: Path) -> None:
        """Write the room's pictures as raw bgr24 video."""
        path.write_bytes(b"".join(image.tobytes() for image in self.room))

    def difference(self, image: Image) -> float:
        """Return the mean difference from the nearest filtered picture, in levels of 255."""
        return min(_mean_difference(image, expected) for expected in self.filtered)


def make_footage(clip: Path) -> Footage:
    """Return the clip in the test's size and rate, with a magenta poster on the wall.

    The poster is what no picture that an app gets may show; see ``shows_poster``.
    """
    with VideoFile(clip) as video:
        frames = [frame.image for frame in video][::_EVERY]
    room = [
        np.asarray(cv2.resize(image, SIZE, interpolation=cv2.INTER_AREA), np.uint8)
        for image in frames
    ]
    for image in room:
        image[_POSTER] = _MAGENTA
    settings = load_settings(preset="balanced", overrides=SETTINGS)
    with Pipeline(settings, SIZE) as pipeline:
        filtered = [
            processed(pipeline, Frame(image.copy(), index, index * 10**9 // FPS)).image
            for index, image in enumerate(room)
        ]
    return Footage(room, filtered)


def shows_poster(image: Image) -> bool:
    """Say whether a part of the poster can be seen, faint or whole."""
    blue, green, red = (image[..., channel].astype(int) for channel in range(3))
    magenta = (blue - green > 60) & (red - green > 60) & (abs(blue - red) < 80)
    return int(magenta.sum()) >= _FEWEST_PIXELS


def _mean_difference(one: Image, other: Image) -> float:
    """Return the mean difference of two pictures of one size, in levels of 255."""
    return float(cv2.absdiff(one, other).mean())
