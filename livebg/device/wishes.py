"""What is asked of a composite."""

from __future__ import annotations

from dataclasses import dataclass

from livebg.pixel_format import BGR, PixelFormat
from livebg.types import Box

__all__ = ["Wishes"]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a composite should be like.

    Attributes:
        edge_colour: take the old room's colour out of soft edges.
        alpha: send the matte at full size along.
        small_alpha: send the matte at an eighth of the size along.
        pixel_format: what the picture is wanted in; it comes as BGR all the same where that cannot
            hold its size, and with the backdrops that are no plate.
        window: the part of the picture to show, or None for all of it; of the mirrored one where
            that is wanted.
        mirror: swap left and right.
    """

    edge_colour: bool
    alpha: bool = False
    small_alpha: bool = False
    pixel_format: PixelFormat = BGR
    window: Box | None = None
    mirror: bool = False
