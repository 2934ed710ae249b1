"""Which mattes are accepted: the rule, in words and in numbers, for every engine.

A matte that claims nearly all of what the network looked at is either somebody who leans into the
camera or a network that has gone wrong, and the matte alone cannot tell which. Hence:

1. A pixel is *claimed* where alpha exceeds 0.4, and the *claim* is the share of
   claimed pixels in the matte's box, so that a constant haze counts as much as solid ones.
2. A claim of up to 90 % is accepted: nobody fills a picture's corners from a desk, but a face in
   a telephone's picture comes near.
3. A claim above 97 % is accepted only after a accepted matte that claimed 60 % already. Somebody
   who leans in covers the picture over several mattes; a network that breaks jumps there at once,
   or is there from the start. After a refusal the way leads back through a claim below 97 %.
4. A claim above 90 % is refused, whatever came before, when the room is still to be seen in it:
   when pixels that are known to be room are claimed now but look as they did. It takes a tenth of
   the picture, and half of such pixels, among all that are claimed or among those that the matte
   accepted last did not claim. Somebody in front of a wall hides it. A pixel becomes known as room
   by a second as background, and ceases to be once accepted mattes have claimed its unchanged look
   for ten (it was a person whom the network had missed). Brightness is compared up to one factor
   for the whole picture, because cameras open up when a face covers the lamp.

``livebg.matting.validation`` follows it.

Which mattes are accepted: a network that claims everything must not show the room.

A matte that is no matte at all (values that are not numbers, planes of the wrong shape) is an
error, and the privacy guard answers errors with its card. A matte that claims nearly all of what
the network looked at is either somebody who leans into the camera or a network that has gone
wrong, and the matte alone cannot tell which. The rule, with its numbers, is that of
``livebg.matting.validation``.

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
from livebg.frame import FloatImage, Frame, FramePyramid, Matte

__all__ = [
    "ALL",
    "CLAIMED",
    "LARGEST",
    "LEARN_S",
    "LONGEST_STEP_S",
    "LOOK_SIZE",
    "NEARLY_ALL",
    "ON_THE_WAY",
    "SAME_LEVELS",
    "SEEN_ROOM",
    "STILL_ROOM",
    "UNLEARN_S",
    "MatteValidator",
    "check_matte",
    "empty_matte",
    "warn_of_refusal",
]

_log = logging.getLogger(__name__)


LARGEST = 1e4
"""Coefficients of real mattes stay below 100; beyond this, float32 loses alpha's levels."""

CLAIMED = 0.4
"""Alpha above which a pixel is claimed."""

NEARLY_ALL = 0.9
"""Claim up to which a matte is accepted whatever it shows."""

ALL = 0.97
"""Claim above which it is accepted only if the one before came near."""

ON_THE_WAY = 0.6
"""What the one before must have claimed then."""

LOOK_SIZE = (64, 36)
"""``(width, height)`` at which the room is remembered."""

SAME_LEVELS = 12
"""Difference in grey up to which a pixel looks as it did."""

STILL_ROOM = 0.5
"""Share of the claimed room that must look as it did for a matte to be refused."""

SEEN_ROOM = 0.1
"""Share of the picture that this must be at least."""

LEARN_S = 1.0
"""Time constant in which background becomes known as room."""

UNLEARN_S = 10.0
"""Time constant in which claimed pixels that look as they did cease to be known as room."""

LONGEST_STEP_S = 1.0
"""More than this is not learnt from one matte, however long the one before was ago."""


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
    if not all(np.abs(plane).max() <= LARGEST for plane in planes):
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


def empty_matte(matte: Matte) -> Matte:
    """Return ``matte`` with alpha 0 everywhere, so that all of its frame is background."""
    nothing = np.zeros_like(matte.gain)
    return replace(matte, gain=nothing, offset=nothing, coarse=nothing)


def warn_of_refusal(claim: float, frame: Frame) -> None:
    """Say in the log that a matte of ``frame``, which claims so much of it, is not accepted."""
    _log.warning(
        "the network takes %.0f %% of frame %d for a person: only the background is "
        "shown until it makes sense again; sit back a little, or choose another --model",
        100 * claim,
        frame.index,
    )


class MatteValidator:
    """Judges one matte after the other by the module's rule. Called by one thread at a time."""

    def __init__(self) -> None:
        self._refused = 0
        self._last_refused = False
        self.reset()

    @property
    def refused(self) -> int:
        """Mattes that were not accepted so far."""
        return self._refused

    def reset(self) -> None:
        """Forget the room and what was accepted; what was counted stays."""
        self._claim_before = 0.0
        self._judged_ns: int | None = None
        self._look: FloatImage = np.zeros(LOOK_SIZE[::-1], np.float32)
        self._known: FloatImage = np.zeros(LOOK_SIZE[::-1], np.float32)
        self._claimed_before: NDArray[np.bool_] = np.zeros(LOOK_SIZE[::-1], np.bool_)

    def accepts(self, matte: Matte, pyramid: FramePyramid) -> bool:
        """Say whether ``matte`` may decide what of its frame is shown, and learn from it if so.

        Args:
            matte: a matte that passes ``check_matte``, not smoothed over time.
            pyramid: its frame.
        """
        frame = pyramid.frame
        alpha = matte.alpha_over(pyramid, LOOK_SIZE)
        claimed = alpha > CLAIMED
        claim = float(np.mean(matte.small_alpha(pyramid) > CLAIMED))
        grey = cv2.cvtColor(pyramid.scaled(LOOK_SIZE), cv2.COLOR_BGR2GRAY).astype(np.float32)
        unchanged = np.abs(grey - self._expected(grey)) <= SAME_LEVELS
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
        if claim > ALL and self._claim_before < ON_THE_WAY:
            return True
        if claim <= NEARLY_ALL:
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
        step_s = min(LONGEST_STEP_S, max(0.0, since_ns / NS_PER_S))
        room = ~claimed
        self._look[room] = grey[room]
        self._known[room] += (1 - self._known[room]) * np.float32(1 - np.exp(-step_s / LEARN_S))
        missed = claimed & unchanged
        self._known[missed] *= np.float32(np.exp(-step_s / UNLEARN_S))

    def _count_refusal(self, claim: float, frame: Frame) -> None:
        self._refused += 1
        if not self._last_refused:
            warn_of_refusal(claim, frame)
        self._last_refused = True


def _is_seen(room: NDArray[np.bool_], unchanged: NDArray[np.bool_]) -> bool:
    """Say whether what should be hidden, the pixels ``room``, is to be seen instead."""
    seen = np.count_nonzero(room & unchanged)
    return bool(seen > max(SEEN_ROOM * room.size, STILL_ROOM * np.count_nonzero(room)))
