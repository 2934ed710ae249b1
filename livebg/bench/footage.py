"""A clip held in memory at one size, so that measuring it measures neither a decoder nor a disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import count
from pathlib import Path

from livebg.clock import NS_PER_S
from livebg.compose.plates import cover
from livebg.errors import InputError
from livebg.source.base import Source
from livebg.source.pictures import PictureFolder
from livebg.source.video import VideoFile
from livebg.types import Frame, Image, Size

__all__ = ["Footage", "frames_that_fit", "load_footage", "open_clip"]

_MEMORY_BYTES = 1_600_000_000
_FALLBACK_RATE = Fraction(30)


class Footage:
    """Pictures that are played forwards and backwards without end, so that there is never a cut.

    Args:
        pictures: ``(H, W, 3)`` uint8 BGR, all of one size, at least one; kept, not copied.
        frame_rate: frames per second.

    Example:
        >>> import numpy as np
        >>> pictures = [np.full((2, 2, 3), level, np.uint8) for level in (0, 1, 2)]
        >>> frames = Footage(pictures, Fraction(30)).frames()
        >>> [int(next(frames).image[0, 0, 0]) for _ in range(6)]
        [0, 1, 2, 1, 0, 1]
    """

    def __init__(self, pictures: Sequence[Image], frame_rate: Fraction) -> None:
        self._pictures = pictures
        self._there_and_back = (*pictures, *pictures[-2:0:-1])
        self.frame_rate = frame_rate
        """Frames per second."""

    @property
    def size_mib(self) -> float:
        """Memory that the pictures take, in MiB."""
        return sum(picture.nbytes for picture in self._pictures) / 2**20

    def frames(self) -> Iterator[Frame]:
        """Return an endless iterator of new frames, each at its presentation time."""
        period_ns = NS_PER_S / self.frame_rate
        for index in count():
            picture = self._there_and_back[index % len(self._there_and_back)]
            yield Frame(picture, index, round(index * period_ns))


def open_clip(path: Path) -> Source:
    """Open a video file, or a folder of pictures at 30 frames per second.

    Raises:
        InputError: it is missing or cannot be read.
    """
    return PictureFolder(path, _FALLBACK_RATE) if path.is_dir() else VideoFile(path)


def frames_that_fit(size: Size) -> int:
    """Return how many frames of ``size`` take 1.6 GB: 64 of 3840x2160."""
    return max(1, _MEMORY_BYTES // (size[0] * size[1] * 3))


def load_footage(path: Path, size: Size, frame_limit: int) -> Footage:
    """Read the beginning of a clip into memory.

    Args:
        path: a video file, or a folder of pictures.
        size: ``(width, height)`` that each frame is scaled and cropped to.
        frame_limit: the most frames to hold.

    Raises:
        InputError: the clip is missing, cannot be read, or has no frame.
    """
    pictures = []
    with open_clip(path) as source:
        rate = source.info.frame_rate or _FALLBACK_RATE
        for frame in source:
            pictures.append(cover(frame.image, size))
            if len(pictures) == frame_limit:
                break
    if not pictures:
        raise InputError(f"{path}: there is no frame in it, name a clip that has some")
    return Footage(pictures, rate)
