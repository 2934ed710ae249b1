"""From what a network returns to the matte that is shown."""

from __future__ import annotations

from dataclasses import replace

from livebg.clock import NS_PER_S
from livebg.refine.guided import with_coefficients
from livebg.refine.haze import without_haze
from livebg.runtime.plausibility import Plausibility, check_matte, without_anybody
from livebg.temporal.flow import FlowCarrier
from livebg.temporal.smoothing import settled, smoothed
from livebg.types import Frame, Matte

__all__ = ["Refinement"]


_LONGEST_S = 0.1
"""A recurrent network's mattes that are farther apart have nothing to gain from each other."""


class Refinement:
    """Checks mattes, calms them, and fits plain ones to their frames' edges.

    Called by one thread at a time, for every inferred matte in order.

    Args:
        carrier: carries the matte that was refined last.
        recurrent: whether the network has a memory of its own.
        smoothing_s: time constant of a picture at rest, in seconds; 0 smooths nothing.
        regular: whether the network runs at fixed intervals. One that runs when the picture has
            changed, and has a memory, has nothing to gain from smoothing.
    """

    def __init__(
        self, carrier: FlowCarrier, *, recurrent: bool, smoothing_s: float, regular: bool
    ) -> None:
        self._carrier = carrier
        self._recurrent = recurrent
        self._plausibility = Plausibility()
        self.configure(smoothing_s=smoothing_s, regular=regular)

    def configure(self, *, smoothing_s: float, regular: bool) -> None:
        """Change what it was made with, between two mattes."""
        self._smoothing_s = smoothing_s
        self._regular = regular

    @property
    def refused(self) -> int:
        """Mattes that were not believed so far, see ``livebg.runtime.plausibility``."""
        return self._plausibility.refused

    def refine(self, matte: Matte, frame: Frame) -> Matte:
        """Return ``matte`` as it may be shown; without anybody where it is not believed.

        Args:
            matte: what the network returned for ``frame``.
            frame: what the network was given.

        Raises:
            ModelError: it is no matte of ``frame``.
        """
        check_matte(matte, frame)
        # Before smoothing, which would let a network that breaks come in by and by.
        if not self._plausibility.believes(matte, frame):
            return without_anybody(matte)
        if self._recurrent:
            return self._settled(without_haze(matte), frame)
        matte = self._smoothed(matte, frame)
        # The coarse alpha keeps its haze: it is what the next matte is averaged with.
        return replace(without_haze(with_coefficients(matte, frame)), coarse=matte.coarse)

    def reset(self) -> None:
        """Forget all earlier mattes."""
        self._plausibility.reset()

    def _settled(self, matte: Matte, frame: Frame) -> Matte:
        elapsed_s = self._since_anchor_s(frame)
        matte = with_coefficients(matte, frame)
        if not self._regular or not 0 < elapsed_s <= _LONGEST_S or self._smoothing_s <= 0:
            return matte
        return settled(matte, self._carrier.carry(frame), elapsed_s, self._smoothing_s)

    def _smoothed(self, matte: Matte, frame: Frame) -> Matte:
        elapsed_s = self._since_anchor_s(frame)
        if elapsed_s <= 0 or self._smoothing_s <= 0:
            return matte
        return smoothed(matte, self._carrier.carry(frame), elapsed_s, self._smoothing_s)

    def _since_anchor_s(self, frame: Frame) -> float:
        """Return the seconds since the matte that was refined last, 0 where there is none."""
        anchor = self._carrier.anchor
        return 0.0 if anchor is None else (frame.captured_ns - anchor.captured_ns) / NS_PER_S
