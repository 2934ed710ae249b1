"""Which mattes are believed: a network that claims everything must not show the room.

A matte that is no matte at all (values that are not numbers, planes of the wrong shape) is an
error, and the privacy guard answers errors with its card. A matte that claims nearly all of what
the network looked at is either somebody who leans into the camera or a network that has gone
wrong, and the matte alone cannot tell which. The rule, with its numbers, is that of
``livebg.refine.belief``.

A refused matte is replaced by one with nobody in it: all of the frame is background plate. So
somebody who starts with the face all over the picture sees the plate until they sit back for a
moment. Beyond this rule are a network that errs by less, and one that fails at the very moment at
which somebody who fills 60 % of the picture is exchanged for another room.
"""

from __future__ import annotations

import logging
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from livebg.clock import NS_PER_S
from livebg.errors import ModelError
from livebg.refine import belief
from livebg.types import FloatImage, Frame, Matte

__all__ = ["Plausibility", "check_matte", "warn_of_refusal", "without_anybody"]

_log = logging.getLogger(__name__)


def check_matte(matte: Matte, frame: Frame) -> None:
    """Refuse what is no matte of ``frame``.

    Args:
        matte: what a network returned.
        frame: what it was given.

    Raises:
        ModelError: a plane has the wrong shape or values that no matte has, the box lies outside
            the frame, or the matte belongs to another frame.
    """
    planes = (matte.gain, matte.offset, matte.coarse)
    shapes = [plane.shape for plane in planes]
    if len(set(shapes)) != 1 or len(shapes[0]) != 2 or 0 in shapes[0]:
        raise ModelError(
            f"the network answered frame {frame.index} with planes of the shapes "
            f"{', '.join(map(str, shapes))} instead of one matte; choose another --model"
        )
    # Written so that a value that is not a number fails the comparison as well.
    if not all(np.abs(plane).max() <= belief.LARGEST for plane in planes):
        raise ModelError(
            f"the network answered frame {frame.index} with values that are no alpha matte; "
            "choose another --model or --precision"
        )
    box, (width, height) = matte.box, frame.size
    inside = 0 <= box.left < box.right <= width and 0 <= box.top < box.bottom <= height
    if not inside or matte.frame_index != frame.index:
        raise ModelError(
            f"the network answered frame {frame.index} of {width}x{height} with a matte of frame "
            f"{matte.frame_index} for {box}; choose another --model"
        )


def without_anybody(matte: Matte) -> Matte:
    """Return ``matte`` with alpha 0 everywhere, so that all of its frame is background."""
    nothing = np.zeros_like(matte.gain)
    return replace(matte, gain=nothing, offset=nothing, coarse=nothing)


def warn_of_refusal(claim: float, frame: Frame) -> None:
    """Say in the log that a matte of ``frame``, which claims so much of it, is not believed."""
    _log.warning(
        "the network takes %.0f %% of frame %d for a person: only the background is "
        "shown until it makes sense again; sit back a little, or choose another --model",
        100 * claim,
        frame.index,
    )


class Plausibility:
    """Judges one matte after the other by the module's rule. Called by one thread at a time."""

    def __init__(self) -> None:
        self._refused = 0
        self._last_refused = False
        self.reset()

    @property
    def refused(self) -> int:
        """Mattes that were not believed so far."""
        return self._refused

    def reset(self) -> None:
        """Forget the room and what was believed; what was counted stays."""
        self._claim_before = 0.0
        self._judged_ns: int | None = None
        self._look: FloatImage = np.zeros(belief.LOOK_SIZE[::-1], np.float32)
        self._known: FloatImage = np.zeros(belief.LOOK_SIZE[::-1], np.float32)
        self._claimed_before: NDArray[np.bool_] = np.zeros(belief.LOOK_SIZE[::-1], np.bool_)

    def believes(self, matte: Matte, frame: Frame) -> bool:
        """Say whether ``matte`` may decide what of ``frame`` is shown, and learn from it if so.

        Args:
            matte: a matte of ``frame`` that passes ``check_matte``, not smoothed over time.
            frame: the frame.
        """
        alpha = matte.alpha_over(frame, belief.LOOK_SIZE)
        claimed = alpha > belief.CLAIMED
        claim = float(np.mean(matte.small_alpha(frame) > belief.CLAIMED))
        grey = cv2.cvtColor(frame.scaled(belief.LOOK_SIZE), cv2.COLOR_BGR2GRAY).astype(np.float32)
        unchanged = np.abs(grey - self._expected(grey)) <= belief.SAME_LEVELS
        if self._refuses(claim, claimed, unchanged):
            self._count_refusal(claim, frame)
            return False
        self._last_refused = False
        self._claim_before, self._claimed_before = claim, claimed
        self._learn(grey, claimed, unchanged, frame.captured_ns)
        return True

    def _refuses(
        self, claim: float, claimed: NDArray[np.bool_], unchanged: NDArray[np.bool_]
    ) -> bool:
        if claim > belief.ALL and self._claim_before < belief.ON_THE_WAY:
            return True
        if claim <= belief.NEARLY_ALL:
            return False
        room = claimed & (self._known > 0.5)
        return _is_seen(room, unchanged) or _is_seen(room & ~self._claimed_before, unchanged)

    def _expected(self, grey: FloatImage) -> FloatImage:
        """Return the known room as it would look in the present brightness."""
        known = self._known > 0.5
        if not known.any():
            return self._look
        factor = float(np.median((grey[known] + 1) / (self._look[known] + 1)))
        return np.asarray(self._look * np.float32(min(2.0, max(0.5, factor))), np.float32)

    def _learn(
        self,
        grey: FloatImage,
        claimed: NDArray[np.bool_],
        unchanged: NDArray[np.bool_],
        captured_ns: int,
    ) -> None:
        since_ns = captured_ns - (captured_ns if self._judged_ns is None else self._judged_ns)
        self._judged_ns = captured_ns
        step_s = min(belief.LONGEST_STEP_S, max(0.0, since_ns / NS_PER_S))
        room = ~claimed
        self._look[room] = grey[room]
        self._known[room] += (1 - self._known[room]) * np.float32(
            1 - np.exp(-step_s / belief.LEARN_S)
        )
        missed = claimed & unchanged
        self._known[missed] *= np.float32(np.exp(-step_s / belief.UNLEARN_S))

    def _count_refusal(self, claim: float, frame: Frame) -> None:
        self._refused += 1
        if not self._last_refused:
            warn_of_refusal(claim, frame)
        self._last_refused = True


def _is_seen(room: NDArray[np.bool_], unchanged: NDArray[np.bool_]) -> bool:
    """Say whether what should be hidden, the pixels ``room``, is to be seen instead."""
    seen = np.count_nonzero(room & unchanged)
    return bool(
        seen > max(belief.SEEN_ROOM * room.size, belief.STILL_ROOM * np.count_nonzero(room))
    )
