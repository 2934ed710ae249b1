"""A composite's picture in the format that a sink takes."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

from livebg.pixel_format import BGR, PixelFormat
from livebg.pixels.conversion import converted
from livebg.sink.base import Sink
from livebg.sink.flatten import flatten
from livebg.types import Composite, Image

__all__ = ["agreed_format", "repacked"]

_I420 = PixelFormat("i420", "bt601")
"""What OpenCV converts to as well: a privacy card, the first picture of all, then does not wait for
the code that converts better to be compiled."""


def agreed_format(sinks: Iterable[Sink]) -> PixelFormat:
    """Return the pixel format that all of ``sinks`` want, or BGR where they differ."""
    wanted = {sink.pixel_format for sink in sinks} - {None}
    agreed = wanted.pop() if len(wanted) == 1 else None
    return agreed or BGR


def repacked(composite: Composite, pixel_format: PixelFormat) -> Image:
    """Return the picture of ``composite`` in ``pixel_format``.

    An odd column or row is left out where the format halves it. What is transparent stays so in
    BGR, and becomes black in the formats that have no alpha.

    Args:
        composite: not altered.
        pixel_format: what the sink takes.

    Returns:
        The composite's own array where it has that format, else a new one; C-contiguous.
    """
    if composite.pixel_format == pixel_format:
        return composite.image
    if composite.pixel_format != BGR:
        return converted(composite.image, composite.pixel_format, pixel_format)
    width, height = pixel_format.held_size(composite.size)
    image = np.ascontiguousarray(flatten(composite.image)[:height, :width])
    if composite.private and pixel_format == _I420:
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420), np.uint8)
    return converted(image, BGR, pixel_format)
