"""The interface of every sink, and pictures in the format that a sink takes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from types import TracebackType
from typing import Literal

import cv2
import numpy as np

from livebg.closable import Closable
from livebg.frame import BGR, Composite, Image, PixelFormat
from livebg.pixels.conversion import converted

__all__ = ["CardPolicy", "Sink", "agreed_format", "flatten", "repacked"]

CardPolicy = Literal["always", "between", "never"]
"""Privacy cards that a sink gets: all of them, also before the first frame and as the last picture;
those between two frames, for a recording; or none, for a set of mattes."""

_I420 = PixelFormat("i420", "bt601")
"""The format to which OpenCV converts a privacy card, which must not wait for compiled code."""


class Sink(Closable):
    """Destination of composites; the base class of every sink, also of a user's own.

    The constructor opens what the sink needs, and one thread then owns it: that thread sends to
    it, asks it and closes it. A sink never alters a composite's arrays and keeps no reference to
    them after ``send`` returned. A subclass gives ``name``, ``send`` and ``close``; the rest has
    defaults. In a ``with`` block, an exception calls ``abort`` instead of ``close``.

    Example:
        >>> class Counter(Sink):
        ...     name = "counter"
        ...     count = 0
        ...
        ...     def send(self, composite):
        ...         height, width, _ = composite.image.shape  # uint8 BGR, or BGRA
        ...         self.count += 1
        ...
        ...     def close(self):
        ...         pass
    """

    name: str
    """Used in messages and statistics."""

    pixel_format: PixelFormat | None = BGR
    """Format in which the sink takes pictures at the least cost; None if it never reads them.

    A session composes in the format that all its sinks share, else in BGR, so every sink must take
    BGR too; ``repacked`` converts. With a transparent background, BGR pictures have a fourth
    channel, straight alpha."""

    wants_alpha: bool = False
    """Whether composites must carry their full-size matte."""

    card_policy: CardPolicy = "always"
    """Privacy cards that a session sends."""

    reopened: bool = False
    """Whether a session opens the sink again after a failure: a device may come back."""

    in_main_thread: bool = False
    """Whether the thread that calls ``Session.run`` owns the sink, as windows require."""

    close_within_s: float = 0.8
    """Seconds that a session waits for ``close`` at its end."""

    @property
    def has_readers(self) -> bool | None:
        """Whether a program reads what is sent, at this moment; None where a sink cannot tell.

        While no sink of a session has readers, the session may close the camera. Asked many times
        a second by the thread that owns the sink: it neither waits nor raises, and a closed sink
        answers too. An answer may change back within milliseconds, as programs open a camera only
        to list it; the session waits for it to settle.
        """
        return None

    @abstractmethod
    def send(self, composite: Composite) -> None:
        """Deliver one composite.

        Raises:
            SinkError: it cannot be delivered: the device is gone, the disk is full, or the sink is
                closed.
        """

    @abstractmethod
    def close(self) -> None:
        """Finish and release what the sink holds. Idempotent; ``send`` then raises SinkError.

        Raises:
            SinkError: what was sent cannot be finished, such as the index of a recording.
        """

    def abort(self) -> None:
        """Release what the sink holds and leave no half-written file. Defaults to ``close``."""
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


def agreed_format(sinks: Iterable[Sink]) -> PixelFormat:
    """Return the pixel format that all of ``sinks`` prefer, or BGR where they differ."""
    preferred = {sink.pixel_format for sink in sinks if sink.pixel_format is not None}
    return preferred.pop() if len(preferred) == 1 else BGR


def repacked(composite: Composite, pixel_format: PixelFormat) -> Image:
    """Return the picture of ``composite`` in ``pixel_format``.

    An odd column or row is left out where the format halves it. Transparent pixels stay so in BGR,
    and become black in the formats that have no alpha.

    Args:
        composite: not altered.
        pixel_format: format of the result.

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


def flatten(image: Image, plate: Image | None = None) -> Image:
    """Return ``image`` without its alpha channel, laid over ``plate``.

    Dropping the channel would show the room: straight alpha leaves its colours in place.

    Args:
        image: ``(H, W, 3)`` BGR, which is returned as it is, or ``(H, W, 4)`` BGRA with straight
            alpha; uint8, not altered.
        plate: ``(H, W, 3)`` uint8 BGR, seen through transparent pixels; None is black.

    Returns:
        ``(H, W, 3)`` uint8 BGR.

    Example:
        >>> flatten(np.array([[[9, 9, 9, 0]]], np.uint8)).tolist()
        [[[0, 0, 0]]]
    """
    if image.shape[2] == 3:
        return image
    alpha = cv2.cvtColor(image[..., 3], cv2.COLOR_GRAY2BGR)
    flat = cv2.multiply(image[..., :3], alpha, scale=1 / 255)
    if plate is not None:
        flat = cv2.add(flat, cv2.multiply(plate, cv2.bitwise_not(alpha), scale=1 / 255))
    return np.asarray(flat, np.uint8)
