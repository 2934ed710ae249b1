"""Which mattes are believed: the rule, in words and in numbers, for every engine.

A matte that claims nearly all of what the network looked at is either somebody who leans into the
camera or a network that has gone wrong, and the matte alone cannot tell which. Hence:

1. A pixel is *claimed* where alpha exceeds 0.4, and the *claim* is the share of
   claimed pixels in the matte's box, so that a constant haze counts as much as solid ones.
2. A claim of up to 90 % is believed: nobody fills a picture's corners from a desk, but a face in
   a telephone's picture comes near.
3. A claim above 97 % is believed only after a believed matte that claimed 60 % already. Somebody
   who leans in covers the picture over several mattes; a network that breaks jumps there at once,
   or is there from the start. After a refusal the way leads back through a claim below 97 %.
4. A claim above 90 % is refused, whatever came before, when the room is still to be seen in it:
   when pixels that are known to be room are claimed now but look as they did. It takes a tenth of
   the picture, and half of such pixels, among all that are claimed or among those that the matte
   believed last did not claim. Somebody in front of a wall hides it. A pixel becomes known as room
   by a second as background, and ceases to be once believed mattes have claimed its unchanged look
   for ten (it was a person whom the network had missed). Brightness is compared up to one factor
   for the whole picture, because cameras open up when a face covers the lamp.

``livebg.runtime.plausibility`` follows it.
"""

from __future__ import annotations

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
]

LARGEST = 1e4
"""Coefficients of real mattes stay below 100; beyond this, float32 loses alpha's levels."""

CLAIMED = 0.4
"""Alpha above which a pixel is claimed."""

NEARLY_ALL = 0.9
"""Claim up to which a matte is believed whatever it shows."""

ALL = 0.97
"""Claim above which it is believed only if the one before came near."""

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
