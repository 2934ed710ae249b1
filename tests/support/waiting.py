"""Waiting for what other processes and threads do."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

__all__ = ["wait_until"]

T = TypeVar("T")

_MOST_S = 60.0
_POLL_S = 0.01


def wait_until(condition: Callable[[], T]) -> T:
    """Return what ``condition`` returns once that is true; fail after a minute."""
    deadline_s = time.monotonic() + _MOST_S
    while not (value := condition()):
        assert time.monotonic() < deadline_s, "waited too long"
        time.sleep(_POLL_S)
    return value
