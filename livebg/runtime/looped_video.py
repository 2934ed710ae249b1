"""A video that starts again when it is over, for moving backgrounds."""

from __future__ import annotations

from collections.abc import Callable

from livebg.clock import NS_PER_S
from livebg.errors import EndOfStreamError
from livebg.source.base import Source
from livebg.types import Frame, Image

__all__ = ["LoopedVideo"]

_FALLBACK_FRAME_NS = NS_PER_S // 25


class LoopedVideo:
    """Gives the picture of an endless loop at any time, at the video's own rate.

    Args:
        open_source: opens the video from its beginning; called again for every round.

    Raises:
        InputError: the video cannot be read.
    """

    def __init__(self, open_source: Callable[[], Source]) -> None:
        self._open = open_source
        self._source = open_source()
        self._round_began_ns = 0
        self._shown: Frame = self._source.read()
        self._next: Frame | None = self._following()
        self._frame_ns = _FALLBACK_FRAME_NS

    def picture_at(self, time_ns: int) -> Image:
        """Return the picture at ``time_ns`` after the beginning; times must not go back.

        Returns:
            ``(H, W, 3)`` uint8 BGR; the same array while the picture is the same.
        """
        while self._due_ns() <= time_ns:
            self._advance()
        return self._shown.image

    def close(self) -> None:
        """Close the video. Idempotent."""
        self._source.close()

    def _due_ns(self) -> int:
        """Return when the picture after the shown one is due."""
        if self._next is not None:
            return self._round_began_ns + self._next.captured_ns
        return self._round_began_ns + self._shown.captured_ns + self._frame_ns

    def _advance(self) -> None:
        if self._next is None:
            self._round_began_ns = self._due_ns()
            self._source.close()
            self._source = self._open()
            self._shown = self._source.read()
        else:
            self._frame_ns = max(1, self._next.captured_ns - self._shown.captured_ns)
            self._shown = self._next
        self._next = self._following()

    def _following(self) -> Frame | None:
        try:
            return self._source.read()
        except EndOfStreamError:
            return None
