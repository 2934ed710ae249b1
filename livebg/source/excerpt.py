"""The first frames of another source."""

from __future__ import annotations

from dataclasses import replace

from livebg.errors import EndOfStreamError
from livebg.source.base import Source, SourceInfo
from livebg.types import Frame

__all__ = ["Excerpt"]


class Excerpt(Source):
    """Delivers the frames of another source up to an index, and then ends.

    Args:
        source: what is read; closed with the excerpt.
        frame_count: index of the first frame that is left out.
    """

    def __init__(self, source: Source, frame_count: int) -> None:
        self._source = source
        self._frame_count = frame_count
        self._over = False
        known = source.info.frame_count
        shorter = frame_count if known is None else min(known, frame_count)
        self._info = replace(source.info, frame_count=shorter)

    @property
    def info(self) -> SourceInfo:
        """What the source says of itself, with the excerpt's length."""
        return self._info

    def read(self) -> Frame:
        """Return the next frame.

        Raises:
            EndOfStreamError: the excerpt is over.
            SourceError: the source failed.
        """
        if not self._over:
            frame = self._source.read()
            if frame.index < self._frame_count:
                return frame
            self._over = True
        raise EndOfStreamError(f"the excerpt of {self._info.name} is over")

    def close(self) -> None:
        """Close the source."""
        self._source.close()
