"""How large a frame or picture may be: larger ones are mistakes or would exhaust the memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from livebg.errors import InputError
from livebg.types import Size

__all__ = ["FRAME_LIMIT", "PICTURE_LIMIT", "SizeLimit"]


@dataclass(frozen=True, slots=True)
class SizeLimit:
    """The largest size that is taken.

    Attributes:
        side: pixels on a side.
        megapixels: millions of pixels in all.
    """

    side: int
    megapixels: int

    def check(self, size: Size, path: Path) -> None:
        """Refuse a picture or video that is too large.

        Args:
            size: ``(width, height)`` in pixels.
            path: for the message.

        Raises:
            InputError: ``size`` is beyond the limit, or empty.
        """
        width, height = size
        if width < 1 or height < 1:
            raise InputError(f"{path}: its size of {width}x{height} pixels is no size, replace it")
        if max(size) > self.side or width * height > self.megapixels * 1_000_000:
            raise InputError(
                f"{path}: {width}x{height} pixels are too many, livebg takes up to {self.side} on "
                f"a side and {self.megapixels} megapixels; scale it down"
            )


FRAME_LIMIT = SizeLimit(side=8192, megapixels=40)
"""For videos: 8K fits."""

PICTURE_LIMIT = SizeLimit(side=16384, megapixels=64)
"""For pictures: those of phones and panoramas fit."""
