"""The real ``livebg run`` in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

__all__ = ["GENEROUS_S", "LivebgRun", "Start", "starting"]

GENEROUS_S = 30.0

_COMMAND = "import sys; from livebg.cli.main import main; sys.exit(main())"


class LivebgRun:
    """``livebg run`` in a process of its own."""

    def __init__(self, *words: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _COMMAND, "run", "--background", "white", *words],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "no_proxy": "127.0.0.1", **environment},
        )

    def said(self) -> str:
        """Return the next line that it prints."""
        assert self.process.stderr is not None
        return self.process.stderr.readline()

    def threads(self) -> int:
        return int(self._status("Threads"))

    def survives(self, number: signal.Signals) -> bool:
        """Whether a signal is handled or ignored by the program, so that it does not end it."""
        survived = int(self._status("SigCgt"), 16) | int(self._status("SigIgn"), 16)
        return bool(survived >> (number - 1) & 1)

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end_after(self, number: signal.Signals) -> tuple[int, str]:
        """Send a signal; return the exit status, and what was printed last."""
        self.send(number)
        _, said = self.process.communicate(timeout=GENEROUS_S)
        return self.process.returncode, said

    def _status(self, field: str) -> str:
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(line.split()[1] for line in lines if line.startswith(f"{field}:"))


Start = Callable[..., LivebgRun]


@contextmanager
def starting() -> Iterator[Start]:
    """Give a function that starts ``livebg run``; none is left running."""
    with ExitStack() as cleanup:

        def start(*words: str, **environment: str) -> LivebgRun:
            run = LivebgRun(*words, **environment)
            cleanup.enter_context(run.process)
            cleanup.callback(run.process.kill)
            return run

        yield start
