"""How strong a blurred background is, as the setting ``background`` writes it."""

from __future__ import annotations

from livebg.errors import UsageError

__all__ = ["BLUR_RANGE", "PLAIN_BLUR", "blur_strength"]

BLUR_RANGE = (0.0, 100.0)

PLAIN_BLUR = 50.0
"""Strength that ``blur`` without a number stands for."""


def blur_strength(background: str) -> float | None:
    """Return the strength of ``blur`` or ``blur:0..100``, or None for any other background.

    Raises:
        UsageError: it is a blur with something else than a number in that range.

    Example:
        >>> blur_strength("blur:80")
        80.0
    """
    word, colon, number = background.partition(":")
    if word.lower() != "blur":
        return None
    try:
        strength = float(number) if colon else PLAIN_BLUR
    except ValueError:
        strength = -1.0
    if not BLUR_RANGE[0] <= strength <= BLUR_RANGE[1]:
        raise UsageError(
            f"background {background!r}: the strength of a blur is a number from 0 to 100"
        )
    return strength
