"""Runs inside the test machine: starts jobs for the host and tells it how they ended.

Host and agent talk over the second serial port, one JSON object a line. The host sends
``{"job": 3, "script": "...", "user": null}`` to start a bash script and ``{"job": 3, "signal": 9}``
to send a signal to all of its processes; the agent sends ``{"ready": true}`` once, and
``{"job": 3, "status": 0}`` for each job that ended. What a job prints is in ``jobs/3.log`` of the
shared folder.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
import tty
from pathlib import Path
from typing import Any, BinaryIO

PORT = "/dev/ttyS1"
JOBS = Path("/machine/jobs")


class Agent:
    """Serves one host until it hangs up."""

    def __init__(self, heard: BinaryIO, said: BinaryIO) -> None:
        self._heard = heard
        self._said = said
        self._sending = threading.Lock()
        self._processes: dict[int, subprocess.Popen[bytes]] = {}

    def serve(self) -> None:
        self._send({"ready": True})
        for line in self._heard:
            request = json.loads(line)
            if "script" in request:
                self._start(request["job"], request["script"], request["user"])
            else:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._processes[request["job"]].pid, request["signal"])

    def _start(self, job: int, script: str, user: str | None) -> None:
        home = f"/tmp/home-{user or 'root'}"
        Path(home).mkdir(exist_ok=True)
        identity: dict[str, Any] = {}
        if user:
            os.chmod(home, 0o777)
            identity = {"user": user, "group": user, "extra_groups": ["video"]}
        with (JOBS / f"{job}.log").open("ab") as log:
            self._processes[job] = subprocess.Popen(
                ["bash", "-euo", "pipefail", "-c", script],
                cwd=home,
                env=os.environ | {"HOME": home, "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **identity,
            )
        threading.Thread(target=self._report_end, args=(job,), daemon=True).start()

    def _report_end(self, job: int) -> None:
        self._send({"job": job, "status": self._processes[job].wait()})

    def _send(self, message: dict[str, Any]) -> None:
        with self._sending:
            self._said.write(json.dumps(message).encode() + b"\n")


def main() -> None:
    JOBS.mkdir(exist_ok=True)
    with open(PORT, "rb") as heard, open(PORT, "wb", buffering=0) as said:
        tty.setraw(heard.fileno())
        Agent(heard, said).serve()


if __name__ == "__main__":
    main()
