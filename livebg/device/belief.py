"""Which mattes are believed, decided on the device: the rule of ``livebg.refine.belief``.

The decision is a number on the device that the matte is multiplied by, so that nobody has to wait
for it; what it was comes down with the composite.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from livebg.clock import NS_PER_S
from livebg.device.coefficients import Planes
from livebg.device.picture import PLANES, DevicePicture
from livebg.refine import belief

__all__ = ["Belief", "Verdict", "only_if"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is thought of a matte; each a single number on the device.

    Attributes:
        sound: 1 where all values are those of a matte, else 0.
        believed: 1 where it may decide what is shown, else 0; 0 where it is not sound.
        claim: the share of pixels that it claims.
    """

    sound: Tensor
    believed: Tensor
    claim: Tensor


def only_if(verdict: Verdict, planes: Planes) -> Planes:
    """Return ``planes`` where they are believed, else a matte with nobody in it."""
    yes = verdict.believed > 0.5
    nothing = torch.zeros_like(planes.gain)
    gain, offset, coarse = (
        torch.where(yes, plane, nothing) for plane in (planes.gain, planes.offset, planes.coarse)
    )
    return Planes(gain, offset, coarse, planes.labels)


class Belief:
    """Judges one matte after the other. Called by one thread at a time.

    Args:
        device: where the mattes are.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self.reset()

    def reset(self) -> None:
        """Forget the room and what was believed."""
        width, height = belief.LOOK_SIZE
        planes = torch.zeros((3, 1, 1, height, width), dtype=PLANES, device=self._device)
        self._look, self._known, self._claimed_before = planes.unbind(0)
        self._claim_before, self._waited_s = torch.zeros(
            2, dtype=PLANES, device=self._device
        ).unbind(0)
        self._judged_ns: int | None = None

    def judge(self, planes: Planes, picture: DevicePicture) -> Verdict:
        """Say whether ``planes`` may decide what of ``picture`` is shown, and learn from it if so.

        Args:
            planes: a matte of the picture as the network gave it.
            picture: the picture.
        """
        sound = _is_sound(planes)
        small = planes.small_alpha(picture)
        # A value that is no number claims nothing, and is not believed either.
        claim = (small > belief.CLAIMED).to(PLANES).mean()
        claimed = planes.small_alpha(picture, belief.LOOK_SIZE) > belief.CLAIMED
        grey = picture.luma(belief.LOOK_SIZE)
        unchanged = (grey - self._expected(grey)).abs() <= belief.SAME_LEVELS
        believed = sound & ~self._refuses(claim, claimed, unchanged)
        self._learn(believed, grey, claim, claimed, unchanged, picture.captured_ns)
        return Verdict(sound.to(PLANES), believed.to(PLANES), claim)

    def _refuses(self, claim: Tensor, claimed: Tensor, unchanged: Tensor) -> Tensor:
        jumped = (claim > belief.ALL) & (self._claim_before < belief.ON_THE_WAY)
        room = claimed & (self._known > 0.5)
        new = room & (self._claimed_before < 0.5)
        seen = _is_seen(room, unchanged) | _is_seen(new, unchanged)
        return jumped | ((claim > belief.NEARLY_ALL) & seen)

    def _expected(self, grey: Tensor) -> Tensor:
        """Return the known room as it would look in the present brightness."""
        known = self._known > 0.5
        factor = _median((grey + 1) / (self._look + 1), known).clamp_(0.5, 2)
        return torch.where(known.any(), self._look * factor, self._look)

    def _learn(
        self,
        believed: Tensor,
        grey: Tensor,
        claim: Tensor,
        claimed: Tensor,
        unchanged: Tensor,
        captured_ns: int,
    ) -> None:
        waited_s = self._wait(captured_ns)
        learnt = 1 - torch.exp(waited_s / -belief.LEARN_S)
        known = torch.where(
            claimed, self._known, torch.lerp(self._known, (~claimed).to(PLANES), learnt)
        )
        kept = torch.exp(waited_s / -belief.UNLEARN_S)
        known = torch.where(claimed & unchanged, known * kept, known)
        self._look = torch.where(believed & ~claimed, grey, self._look)
        self._known = torch.where(believed, known, self._known)
        self._claimed_before = torch.where(believed, claimed.to(PLANES), self._claimed_before)
        self._claim_before = torch.where(believed, claim, self._claim_before)
        self._waited_s = torch.where(believed, torch.zeros_like(waited_s), waited_s)

    def _wait(self, captured_ns: int) -> Tensor:
        """Return the seconds since a matte was believed last."""
        since_ns = captured_ns - (captured_ns if self._judged_ns is None else self._judged_ns)
        self._judged_ns = captured_ns
        waited_s = self._waited_s + max(0.0, since_ns / NS_PER_S)
        return waited_s.clamp_(max=belief.LONGEST_STEP_S)


def _is_sound(planes: Planes) -> Tensor:
    """Say whether all values are those of a matte; a value that is no number is not."""
    largest = torch.cat((planes.gain, planes.offset, planes.coarse), 1).abs().amax()
    return largest <= belief.LARGEST


def _is_seen(room: Tensor, unchanged: Tensor) -> Tensor:
    seen = (room & unchanged).sum()
    still = belief.STILL_ROOM * room.sum()
    return seen > still.clamp(min=belief.SEEN_ROOM * room.numel())


def _median(values: Tensor, where: Tensor) -> Tensor:
    """Return the median of the ``values`` at ``where``; of none of them, the largest there is."""
    ordered = torch.where(where, values, values.amax()).flatten().sort().values
    last = (where.sum() - 1).clamp(min=0)
    middle = torch.stack((last // 2, (last + 1) // 2))
    return ordered.gather(0, middle).mean()
