"""Matte validation: which mattes are accepted, so that a network that fails cannot show the room.

A matte with values or shapes that no matte has is an error, which the privacy guard answers with
its card. A matte that covers nearly the whole picture is either a person who leans into the camera
or a network that has failed; the matte alone cannot tell which. Hence the rule:

1. A pixel is *covered* where alpha exceeds 0.4; the *coverage* is the share of covered pixels in
   the matte's box, so that a constant low alpha counts as much as a high one.
2. A coverage of up to 90 % is accepted: at a desk, a person never fills the picture's corners, but
   a face in a telephone's picture comes near.
3. A coverage above 97 % is accepted only after an accepted one of at least 60 %. A person who leans
   in covers the picture over several mattes; a network that fails jumps there at once, or begins
   there. After a rejection, a coverage of 60 % to 97 % leads back.
4. A coverage above 90 % is rejected, whatever came before, where it shows the background: where
   pixels that are known as background are covered now but look as they did. It takes a tenth of
   the picture, and half of such pixels, among all that are covered or among those that the last
   accepted matte did not cover. A person in front of a wall hides it. A pixel becomes known as
   background in a second of being uncovered, and ceases to be in ten of being covered and looking
   unchanged (it was a person whom the network had missed). Brightness is compared up to one factor
   for the whole picture, because cameras open up when a face covers the lamp.

Instead of a rejected matte, one with alpha 0 everywhere is shown: only the background plate. So a
person who begins with the face all over the picture sees the plate until they sit back for a
moment. This rule does not detect a network that errs by less, and one that fails just when a person
who fills 60 % of the picture is exchanged for another room.
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

__all__ = ["MatteValidator", "check_matte", "empty_matte"]

_log = logging.getLogger(__name__)

_LARGEST = 1e4
"""Coefficients of real mattes stay below 100; beyond this, float32 loses alpha's levels."""

_COVERED = 0.4
_NEARLY_ALL = 0.9
_ALL = 0.97
_ON_THE_WAY = 0.6

_SIZE = (64, 36)
"""``(width, height)`` at which the background is remembered."""

_SAME_LEVELS = 12
"""Difference in grey up to which a pixel looks as it did."""

_STILL_SEEN = 0.5
"""Share of the covered background that must look as it did for a matte to be rejected."""

_LEAST_SEEN = 0.1
"""Share of the picture that this must be at least."""

_LEARN_S = 1.0
"""Time constant in which uncovered pixels become known as background."""

_UNLEARN_S = 10.0
"""Time constant in which covered pixels that look as they did cease to be known as background."""

_LONGEST_STEP_S = 1.0
"""Most that is learnt from one matte, however long ago the one before was."""


def check_matte(matte: Matte, frame: Frame) -> None:
    """Raise an error if ``matte`` cannot be a matte of ``frame``.

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
    if not all(np.abs(plane).max() <= _LARGEST for plane in planes):
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


class MatteValidator:
    """Accepts or rejects one matte after the other by the module's rule."""

    def __init__(self) -> None:
        self.rejected = 0
        """Number of mattes rejected so far."""
        self._last_rejected = False
        self.reset()

    def reset(self) -> None:
        """Forget the background and the accepted mattes; the count stays."""
        shape = _SIZE[::-1]
        self._coverage = 0.0
        self._covered: NDArray[np.bool_] = np.zeros(shape, np.bool_)
        self._captured_ns: int | None = None
        self._background: FloatImage = np.zeros(shape, np.float32)
        self._known: FloatImage = np.zeros(shape, np.float32)

    def accepts(self, matte: Matte, pyramid: FramePyramid) -> bool:
        """Return whether ``matte`` may decide what of its frame is shown; if so, learn from it.

        Args:
            matte: a matte that passes ``check_matte``, not smoothed over time.
            pyramid: its frame.
        """
        covered = matte.alpha_over(pyramid, _SIZE) > _COVERED
        coverage = float(np.mean(matte.small_alpha(pyramid) > _COVERED))
        grey = cv2.cvtColor(pyramid.scaled(_SIZE), cv2.COLOR_BGR2GRAY).astype(np.float32)
        unchanged = np.abs(grey - self._expected(grey)) <= _SAME_LEVELS
        if self._is_wrong(coverage, covered, unchanged):
            self.rejected += 1
            if not self._last_rejected:
                _log.warning(
                    "the network takes %.0f %% of frame %d for a person: only the background is "
                    "shown until it makes sense again; sit back a little, or choose another "
                    "--model",
                    100 * coverage,
                    pyramid.frame.index,
                )
            self._last_rejected = True
            return False
        self._last_rejected = False
        self._coverage, self._covered = coverage, covered
        self._learn(grey, covered, unchanged, pyramid.frame.captured_ns)
        return True

    def _is_wrong(
        self, coverage: float, covered: NDArray[np.bool_], unchanged: NDArray[np.bool_]
    ) -> bool:
        if coverage > _ALL and self._coverage < _ON_THE_WAY:
            return True
        if coverage <= _NEARLY_ALL:
            return False
        background = covered & (self._known > 0.5)
        return any(
            np.count_nonzero(hidden & unchanged)
            > max(_LEAST_SEEN * hidden.size, _STILL_SEEN * np.count_nonzero(hidden))
            for hidden in (background, background & ~self._covered)
        )

    def _expected(self, grey: FloatImage) -> FloatImage:
        """Return the known background as it would look in the present brightness."""
        known = self._known > 0.5
        if not known.any():
            return self._background
        factor = float(np.median((grey[known] + 1) / (self._background[known] + 1)))
        return np.asarray(self._background * np.float32(min(2.0, max(0.5, factor))), np.float32)

    def _learn(
        self,
        grey: FloatImage,
        covered: NDArray[np.bool_],
        unchanged: NDArray[np.bool_],
        captured_ns: int,
    ) -> None:
        since_ns = 0 if self._captured_ns is None else captured_ns - self._captured_ns
        self._captured_ns = captured_ns
        step_s = min(_LONGEST_STEP_S, max(0.0, since_ns / NS_PER_S))
        background = ~covered
        self._background[background] = grey[background]
        self._known[background] += (1 - self._known[background]) * np.float32(
            1 - np.exp(-step_s / _LEARN_S)
        )
        self._known[covered & unchanged] *= np.float32(np.exp(-step_s / _UNLEARN_S))
