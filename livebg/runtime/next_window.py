"""What auto-framing shows of the next frame, chosen by the matte of this one."""

from __future__ import annotations

import numpy as np

from livebg.compose.auto_framing import AutoFraming, busts_of
from livebg.types import Box, Frame, Image

__all__ = ["NextWindow"]


class NextWindow:
    """Auto-framing where a frame is composed before anybody has seen its matte.

    Args:
        strength: the setting ``auto_frame``.
    """

    def __init__(self, strength: float) -> None:
        self._framing = AutoFraming(strength)
        self._window: Box | None = None

    @property
    def window(self) -> Box | None:
        """The part of the next frame to show, or None for all of it."""
        return self._window

    @property
    def at_rest(self) -> bool:
        """Whether all of every frame is shown, so that no matte has to be looked at."""
        return self._framing.at_rest

    def configure(self, strength: float) -> None:
        """Change what it was made with; the picture moves there by and by."""
        self._framing.strength = strength

    def update(self, frame: Frame, small_alpha: Image | None) -> None:
        """Choose the window of the frame after ``frame``.

        Args:
            frame: what was shown.
            small_alpha: its alpha, ``(h, w)`` uint8; None where all of the next one is to be shown.
        """
        if small_alpha is None:
            self._window = None
            return
        busts = busts_of(np.asarray(small_alpha / 255, np.float32), frame.size)
        window = self._framing.update(busts, frame.size, frame.captured_ns)
        self._window = None if window == Box.whole(frame.size) else window
