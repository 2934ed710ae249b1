"""The real ``livebg`` in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.support.waiting import wait_until

__all__ = ["LivebgProcess", "Start"]

_TIMEOUT_S = 60.0

_COMMAND = "import sys; from livebg.cli.main import main; sys.exit(main())"


class LivebgProcess:
    """``livebg`` with ``words``, in a process of its own."""

    def __init__(self, *words: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _COMMAND, *words],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "no_proxy": "127.0.0.1", **environment},
        )

    @property
    def lines(self) -> Iterator[str]:
        """The lines that it prints, as they come."""
        assert self.process.stderr is not None
        return iter(self.process.stderr.readline, "")

    def says(self, part: str) -> bool:
        """Wait for a line with ``part`` in it; return False where it ends before."""
        return any(part in line for line in self.lines)

    def wait_for(self, there: Callable[[], object]) -> None:
        """Wait until ``there`` is true; fail where it ends before."""

        def is_there() -> object:
            assert self.process.poll() is None, "it ended by itself"
            return there()

        wait_until(is_there)

    def threads(self) -> int:
        return int(self._status("Threads"))

    def survives(self, number: signal.Signals) -> bool:
        """Whether a signal is handled or ignored by the program, so that it does not end it."""
        survived = int(self._status("SigCgt"), 16) | int(self._status("SigIgn"), 16)
        return bool(survived >> (number - 1) & 1)

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self) -> tuple[int, str]:
        """Wait for its end; return the exit status, and what was printed last."""
        _, said = self.process.communicate(timeout=_TIMEOUT_S)
        return self.process.returncode, said

    def end_after(self, number: signal.Signals) -> tuple[int, str]:
        """Send a signal and wait for the end; see ``end``."""
        self.send(number)
        return self.end()

    def _status(self, field: str) -> str:
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(line.split()[1] for line in lines if line.startswith(f"{field}:"))


Start = Callable[..., LivebgProcess]
