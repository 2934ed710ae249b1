"""A video that starts again when it is over, for moving backgrounds."""

from __future__ import annotations

from collections.abc import Callable

from livebg.errors import EndOfStreamError
from livebg.source.base import Source
from livebg.types import Frame, Image

__all__ = ["LoopedVideo"]


class LoopedVideo:
    """Gives the picture of an endless loop at any time, at the video's own rate.

    The last picture is shown for as long as the one before it; a single picture stays.

    Args:
        open_source: opens the video from its beginning; called again for every round.

    Raises:
        InputError: the video cannot be read.
    """

    def __init__(self, open_source: Callable[[], Source]) -> None:
        self._open = open_source
        self._round_began_ns = 0
        self._frame_ns = 0
        self._source = open_source()
        try:
            self._shown: Frame = self._source.read()
            self._next: Frame | None = self._following()
        except BaseException:
            self._source.close()
            raise
        self._is_still = self._next is None

    def picture_at(self, time_ns: int) -> Image:
        """Return the picture at ``time_ns`` after the beginning; times must not go back.

        Returns:
            ``(H, W, 3)`` uint8 BGR; the same array while the picture is the same.

        Raises:
            DamagedFileError: the video breaks off.
        """
        while not self._is_still and self._due_ns() <= time_ns:
            if self._next is None:
                self._start_round(time_ns)
            else:
                self._frame_ns = max(1, self._next.captured_ns - self._shown.captured_ns)
                self._shown, self._next = self._next, self._following()
        return self._shown.image

    def close(self) -> None:
        """Close the video. Idempotent."""
        self._source.close()

    def _due_ns(self) -> int:
        """Return when the picture after the shown one is due."""
        if self._next is not None:
            return self._round_began_ns + self._next.captured_ns
        return self._round_began_ns + self._shown.captured_ns + self._frame_ns

    def _start_round(self, time_ns: int) -> None:
        """Begin the round that ``time_ns`` lies in; those that nobody saw are not decoded."""
        round_ns = self._due_ns() - self._round_began_ns
        self._round_began_ns += (time_ns - self._round_began_ns) // round_ns * round_ns
        self._source.close()
        self._source = self._open()
        self._shown = self._source.read()
        self._next = self._following()

    def _following(self) -> Frame | None:
        try:
            return self._source.read()
        except EndOfStreamError:
            return None
