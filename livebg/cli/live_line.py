"""The one line on the terminal that says how a live session is doing."""

from __future__ import annotations

import logging
import shutil
import sys
import threading
from typing import TextIO

from livebg.clock import NS_PER_S, Clock
from livebg.runtime.stats import Glance

__all__ = ["LiveLine", "describe"]

_log = logging.getLogger(__name__)

_EVERY_NS = NS_PER_S // 4
_CLEAR = "\r\x1b[K"


def describe(glance: Glance) -> str:
    """Return the numbers of a live line in words.

    Example:
        >>> describe(Glance(29.97, 6.1, 9.4, 0.31, 2, 4.2))
        '30.0 frames/s, latency 6 ms (p95 9 ms), CPU 31 %, network every 4.2, 2 dropped'
    """
    every = glance.inferred_every
    network = "" if every is None else f"network every {every:.1f}, "
    return (
        f"{glance.rate_fps:.1f} frames/s, "
        f"latency {glance.latency_p50_ms:.0f} ms (p95 {glance.latency_p95_ms:.0f} ms), "
        f"CPU {100 * glance.cpu_share:.0f} %, {network}{glance.dropped} dropped"
    )


class LiveLine:
    """Keeps one line at the bottom of a terminal, and prints sentences above it.

    Where nobody watches (a log, a pipe) there is no line, only the sentences.

    Args:
        clock: holds the line to four updates a second.
        stream: where to write, stderr by default.
    """

    def __init__(self, clock: Clock, stream: TextIO | None = None) -> None:
        self._clock = clock
        self._stream = stream or sys.stderr
        self._watched = self._stream.isatty()
        self._next_ns = clock.now_ns()
        self._line = ""
        self._lock = threading.Lock()

    def update(self, line: str) -> None:
        """Show ``line``, unless the last one is younger than a quarter of a second."""
        with self._lock:
            now_ns = self._clock.now_ns()
            if self._watched and now_ns >= self._next_ns:
                self._next_ns = now_ns + _EVERY_NS
                # A line that the terminal breaks could not be taken back.
                self._line = line[: shutil.get_terminal_size().columns - 1]
                self._write(_CLEAR + self._line)

    def say(self, sentence: str) -> None:
        """Print a sentence of its own; may be called from any thread."""
        with self._lock:
            clear = _CLEAR if self._line else ""
            self._write(f"{clear}livebg: {sentence}\n{self._line}")

    def clear(self) -> None:
        """Take the line away."""
        with self._lock:
            if self._line:
                self._line = ""
                self._write(_CLEAR)

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:
            # The terminal was closed, or nobody reads the pipe: no reason to end a call.
            _log.debug("nobody listens any more", exc_info=True)
