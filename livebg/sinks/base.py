"""Pictures with an alpha channel for sinks that have none.

A composite's picture in the format that a sink takes.

The interface of every sink of composites.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from types import TracebackType

import cv2
import numpy as np

from livebg.closable import Closable
from livebg.frame import BGR, Composite, Image, PixelFormat, Size
from livebg.pixels.conversion import converted

__all__ = ["Sink", "agreed_format", "checkerboard", "flatten", "repacked"]


def flatten(image: Image, plate: Image | None = None) -> Image:
    """Return ``image`` without its alpha channel, laid over ``plate``.

    Dropping the channel would show the room: straight alpha leaves its colours in place.

    Args:
        image: ``(H, W, 3)`` BGR, which is returned as it is, or ``(H, W, 4)`` BGRA with straight
            alpha; uint8, not altered.
        plate: ``(H, W, 3)`` uint8 BGR, what shows through; None is black.

    Returns:
        ``(H, W, 3)`` uint8 BGR.

    Example:
        >>> room_hidden = flatten(np.array([[[9, 9, 9, 0]]], np.uint8))
        >>> room_hidden.tolist()
        [[[0, 0, 0]]]
    """
    if image.shape[2] == 3:
        return image
    alpha = cv2.cvtColor(image[..., 3], cv2.COLOR_GRAY2BGR)
    flat = cv2.multiply(image[..., :3], alpha, scale=1 / 255)
    if plate is not None:
        flat = cv2.add(flat, cv2.multiply(plate, cv2.bitwise_not(alpha), scale=1 / 255))
    return np.asarray(flat, np.uint8)


def checkerboard(size: Size) -> Image:
    """Return the grey squares that picture editors show behind what is transparent.

    Args:
        size: ``(width, height)`` in pixels.

    Returns:
        ``(H, W, 3)`` uint8 BGR.
    """
    width, height = size
    square_px = max(4, height // 45)
    dark = (np.arange(height)[:, None] // square_px + np.arange(width) // square_px) % 2
    return np.repeat(np.where(dark, 153, 204).astype(np.uint8)[..., None], 3, axis=2)


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


class Sink(Closable):
    """Takes composites one after the other; opened by its constructor, closed once.

    One thread owns a sink: it opens, feeds and closes it. A sink never alters a composite's
    arrays and keeps no reference to them after ``send`` returned.
    """

    name: str
    """For messages and statistics."""

    pixel_format: PixelFormat | None = BGR
    """What composites are best sent in, or None where their pictures are not looked at.

    Those of a session come in what all its sinks want, else as BGR; a sink takes BGR in any case.
    """

    @property
    def has_readers(self) -> bool | None:
        """Whether anybody reads what is sent, at this moment; None where a sink cannot tell.

        Asked by the thread that owns the sink, many times a second: it neither waits nor raises,
        and a closed sink answers too. An answer may change back within milliseconds, as programs
        open a camera only to look at it; whoever asks waits for it to settle.
        """
        return None

    @abstractmethod
    def send(self, composite: Composite) -> None:
        """Deliver one composite.

        Raises:
            SinkError: it cannot be delivered (device gone, disk full, window closed).
        """

    @abstractmethod
    def close(self) -> None:
        """Finish and release what the sink holds. Idempotent; ``send`` then raises SinkError.

        Raises:
            SinkError: what was sent could not be finished (a recording's trailer, say).
        """

    def abort(self) -> None:
        """Give up: release everything and leave no half-written file. Defaults to ``close``."""
        self.close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()
