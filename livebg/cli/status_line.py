"""The status line: one line on the terminal that says how a live session is doing."""

from __future__ import annotations

import logging
import shutil
import sys
import threading
from typing import TextIO

from livebg.clock import NS_PER_S, Clock

__all__ = ["StatusLine"]

_log = logging.getLogger(__name__)

_PERIOD_NS = NS_PER_S // 4
_CLEAR = "\r\x1b[K"


class StatusLine:
    """Keeps one line at the bottom of a terminal, and prints sentences above it.

    In a log or a pipe there is no line, only the sentences. Safe to call from every thread.

    Args:
        clock: holds the line to four updates a second.
        stream: where to write, stderr by default.
    """

    def __init__(self, clock: Clock, stream: TextIO | None = None) -> None:
        self._clock = clock
        self._stream = stream or sys.stderr
        self._is_terminal = self._stream.isatty()
        self._next_ns = clock.now_ns()
        self._line = ""
        self._lock = threading.Lock()

    def update(self, line: str) -> None:
        """Show ``line``, unless the last one is younger than a quarter of a second."""
        with self._lock:
            now_ns = self._clock.now_ns()
            if self._is_terminal and now_ns >= self._next_ns:
                self._next_ns = now_ns + _PERIOD_NS
                # A line that the terminal wraps could not be cleared.
                self._line = line[: shutil.get_terminal_size().columns - 1]
                self._write(_CLEAR + self._line)

    def say(self, sentence: str) -> None:
        """Print a sentence of its own."""
        with self._lock:
            clear = _CLEAR if self._line else ""
            self._write(f"{clear}livebg: {sentence}\n{self._line}")

    def clear(self) -> None:
        """Remove the line."""
        with self._lock:
            if self._line:
                self._line = ""
                self._write(_CLEAR)

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:
            # A closed terminal or pipe is no reason to end a call.
            _log.debug("the terminal cannot be written to", exc_info=True)
