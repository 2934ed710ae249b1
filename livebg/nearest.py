"""The nearest valid name, for messages about a name that is not valid."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["did_you_mean"]


def did_you_mean(wrong: str, valid: Iterable[str], *, prefix: str = "") -> str:
    """Return ``; did you mean 'name'?`` for the valid name nearest to ``wrong``, or nothing.

    Args:
        wrong: what was said.
        valid: what may be said.
        prefix: what all names begin with; it does not count as likeness.

    Example:
        >>> did_you_mean("bakground", ["background", "mirror"])
        "; did you mean 'background'?"
        >>> did_you_mean("--fps", ["--size", "--preset"], prefix="--")
        ''
    """
    by_folded = {name.removeprefix(prefix).casefold(): name for name in valid}
    near = difflib.get_close_matches(wrong.removeprefix(prefix).casefold(), by_folded, n=1)
    return f"; did you mean {by_folded[near[0]]!r}?" if near else ""
