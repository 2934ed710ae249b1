"""The nearest valid name, for messages about a name that is not valid."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["did_you_mean"]


def did_you_mean(wrong: str, valid: Iterable[str]) -> str:
    """Return ``; did you mean 'name'?`` for the valid name nearest to ``wrong``, or nothing.

    Example:
        >>> did_you_mean("bakground", ["background", "mirror"])
        "; did you mean 'background'?"
        >>> did_you_mean("xyz", ["background", "mirror"])
        ''
    """
    by_folded = {name.casefold(): name for name in valid}
    near = difflib.get_close_matches(wrong.casefold(), by_folded, n=1)
    return f"; did you mean {by_folded[near[0]]!r}?" if near else ""
