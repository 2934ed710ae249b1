"""From what a network returns to the matte that is shown."""

from __future__ import annotations

from dataclasses import replace

from livebg.clock import NS_PER_S
from livebg.refine.guided import with_coefficients
from livebg.refine.haze import without_haze
from livebg.runtime.plausibility import Plausibility, check_matte, without_anybody
from livebg.temporal.flow import FlowCarrier
from livebg.temporal.smoothing import smoothed
from livebg.types import Frame, Matte

__all__ = ["Refinement"]


class Refinement:
    """Checks mattes, smooths those of networks without memory, and fits plain ones to their edges.

    Called by one thread at a time, for every inferred matte in order.

    Args:
        carrier: carries the matte that was refined last.
        recurrent: whether the network has a memory of its own; its mattes are not smoothed.
        smoothing_s: time constant of a picture at rest, in seconds; 0 smooths nothing.
    """

    def __init__(self, carrier: FlowCarrier, *, recurrent: bool, smoothing_s: float) -> None:
        self.smoothing_s = smoothing_s
        """May be changed between two mattes."""
        self._carrier = carrier
        self._recurrent = recurrent
        self._plausibility = Plausibility()

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
        matte = self._smoothed(matte, frame)
        # The coarse alpha keeps its haze: it is what the next matte is averaged with.
        return replace(without_haze(with_coefficients(matte, frame)), coarse=matte.coarse)

    def reset(self) -> None:
        """Forget all earlier mattes."""
        self._plausibility.reset()

    def _smoothed(self, matte: Matte, frame: Frame) -> Matte:
        anchor = self._carrier.anchor
        if anchor is None or self._recurrent or self.smoothing_s <= 0:
            return matte
        elapsed_s = (frame.captured_ns - anchor.captured_ns) / NS_PER_S
        if elapsed_s <= 0:
            return matte
        return smoothed(matte, self._carrier.carry(frame), elapsed_s, self.smoothing_s)
