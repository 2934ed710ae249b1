"""A Debian machine with cameras made of software, under QEMU; its jobs are bash scripts."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livebg.closable import Closable
from tests.system.vm.image import Image

__all__ = ["Job", "Machine", "MachineError"]

# AVX2 and FMA are emulated so badly that code without them is 20 times faster.
_PROCESSOR = "max,avx=off,avx2=off,fma=off,f16c=off"
_KERNEL_OPTIONS = "root=/dev/vda rw console=ttyS0 init=/sbin/init-machine quiet mitigations=off"
_MEMORY_MIB = 4096
_BOOT_S = 120.0
_POLL_S = 0.1
_SHOWN_LINES = 40


class MachineError(Exception):
    """The machine, or a job in it, did not do as it should; the message shows what it printed."""


class Machine(Closable):
    """A virtual machine that is running; each boot starts from the same disk.

    Not thread-safe: the test drives it.

    Args:
        image: the disk, the kernel and its first file system.
        folder: an empty folder of the host that the machine sees, writable, as ``/machine``.
        read_only: folders of the host that it sees under the same paths.
        writable: likewise, and may write to.

    Raises:
        MachineError: it does not start.
    """

    def __init__(
        self,
        image: Image,
        folder: Path,
        *,
        read_only: Sequence[Path] = (),
        writable: Sequence[Path] = (),
    ) -> None:
        self.folder = folder
        self.jobs: list[Job] = []
        self._console = folder / "console.log"
        shutil.copy(Path(__file__).with_name("agent.py"), folder)
        (folder / "jobs").mkdir()
        folder.chmod(0o1777)
        shares = [(path, "ro") for path in read_only] + [(path, "rw") for path in writable]
        listing = (f"share{number} {mode} {path}\n" for number, (path, mode) in enumerate(shares))
        (folder / "shares").write_text("".join(listing))
        ours, self._socket = socket.socketpair()
        with ours, self._console.open("wb") as console:
            self._qemu = subprocess.Popen(
                _command(image, folder, shares, ours.fileno()),
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                pass_fds=[ours.fileno()],
            )
        self._received = b""
        self._ready = False
        try:
            self.wait_until(
                lambda: self._ready, _BOOT_S, lambda: f"no agent; the console:\n{self.console()}"
            )
        except BaseException:
            self.close()
            raise

    def start(self, script: str, *, user: str | None = None) -> Job:
        """Start a bash script (``set -euo pipefail``) as root or as ``user``."""
        number = len(self.jobs) + 1
        job = Job(self, number, script, self.folder / "jobs" / f"{number}.log")
        self.jobs.append(job)
        self.send({"job": number, "script": script, "user": user})
        return job

    def run(self, script: str, *, timeout_s: float = 60.0, user: str | None = None) -> str:
        """Run a bash script and return what it printed.

        Raises:
            MachineError: it fails, or is not done after ``timeout_s`` seconds.
        """
        job = self.start(script, user=user)
        status = job.wait(timeout_s)
        if status != 0:
            raise MachineError(f"status {status} of {job.report()}")
        return job.output()

    def stop_jobs(self) -> None:
        """End every job that still runs."""
        for job in self.jobs:
            if job.running():
                job.stop()

    def console(self) -> str:
        """Return the last lines of the console: what the kernel had to say."""
        return _last_lines(self._console)

    def close(self) -> None:
        """Switch the machine off; what its disk has learnt is forgotten."""
        self._qemu.kill()
        self._qemu.wait()
        self._socket.close()

    def send(self, request: dict[str, Any]) -> None:
        """Send a request to the agent."""
        self._socket.sendall(json.dumps(request).encode() + b"\n")

    def listen(self, timeout_s: float) -> None:
        """Take what the agent has to say; wait for it for ``timeout_s`` seconds at most.

        Raises:
            MachineError: the machine has ended.
        """
        self._socket.settimeout(max(timeout_s, 0.001))
        try:
            received = self._socket.recv(1 << 16)
        except TimeoutError:
            return
        if not received:
            raise MachineError(f"the machine has ended; its console:\n{self.console()}")
        *lines, self._received = (self._received + received).split(b"\n")
        for line in lines:
            message = json.loads(line)
            if "ready" in message:
                self._ready = True
            else:
                self.jobs[message["job"] - 1].status = message["status"]

    def wait_until(
        self,
        condition: Callable[[], bool],
        timeout_s: float,
        failure: Callable[[], str],
        *,
        poll_s: float = _POLL_S,
    ) -> None:
        """Listen to the agent until ``condition`` holds.

        Raises:
            MachineError: it does not after ``timeout_s`` seconds; ``failure`` returns the message.
        """
        deadline_s = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > deadline_s:
                raise MachineError(f"after {timeout_s:g} s: {failure()}")
            self.listen(poll_s)


@dataclass(eq=False)
class Job:
    """A script that was started in a machine.

    Attributes:
        number: counts the machine's jobs, from 1.
        log: what it printed so far.
        status: its exit status, negative for a signal; None as far as is known it runs.
    """

    machine: Machine
    number: int
    script: str
    log: Path
    status: int | None = None

    def output(self) -> str:
        """Return what it printed so far."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def running(self) -> bool:
        """Say whether it still runs."""
        self.machine.listen(0)
        return self.status is None

    def wait(self, timeout_s: float) -> int:
        """Wait for its end and return its status.

        Raises:
            MachineError: it is not done after ``timeout_s`` seconds.
        """
        try:
            self.machine.wait_until(lambda: self.status is not None, timeout_s, self.report)
        except MachineError:
            self.kill(signal.SIGKILL)
            raise
        assert self.status is not None
        return self.status

    def wait_for_output(self, text: str, timeout_s: float) -> None:
        """Wait until it has printed ``text``.

        Raises:
            MachineError: it has not after ``timeout_s`` seconds, or has ended without.
        """
        self.machine.wait_until(
            lambda: text in self.output() or self.status is not None,
            timeout_s,
            lambda: f"no {text!r} from {self.report()}",
        )
        if text not in self.output():
            raise MachineError(f"ended without {text!r}: {self.report()}")

    def kill(self, number: signal.Signals) -> None:
        """Send a signal to its processes."""
        self.machine.send({"job": self.number, "signal": number})

    def stop(self, number: signal.Signals = signal.SIGTERM, timeout_s: float = 30.0) -> int:
        """End it with a signal and return its status."""
        self.kill(number)
        return self.wait(timeout_s)

    def report(self) -> str:
        """Return what there is to know about it, for people."""
        state = "running" if self.status is None else f"status {self.status}"
        return f"job {self.number} ({state}):\n{self.script.strip()}\n---\n{_last_lines(self.log)}"


def _command(
    image: Image, folder: Path, shares: Sequence[tuple[Path, str]], agent_fd: int
) -> list[str]:
    # However the tests end, the machine ends with them.
    command = ["setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64"]
    command += ["-accel", "tcg,thread=multi", "-cpu", _PROCESSOR]
    command += ["-smp", "2", "-m", str(_MEMORY_MIB), "-no-reboot", "-display", "none"]
    command += ["-nic", "none", "-monitor", "none", "-serial", "stdio"]
    command += ["-chardev", f"socket,id=agent,fd={agent_fd}", "-serial", "chardev:agent"]
    command += ["-kernel", str(image.kernel), "-initrd", str(image.initrd)]
    command += ["-append", _KERNEL_OPTIONS]
    command += ["-drive", f"file={_escaped(image.disk)},format=raw,if=virtio,snapshot=on"]
    command += ["-virtfs", f"{_local(folder)},mount_tag=machine"]
    for number, (path, mode) in enumerate(shares):
        read_only = "on" if mode == "ro" else "off"
        command += ["-virtfs", f"{_local(path)},mount_tag=share{number},readonly={read_only}"]
    return command


def _local(path: Path) -> str:
    return f"local,path={_escaped(path)},security_model=none,multidevs=remap"


def _escaped(path: Path) -> str:
    return str(path).replace(",", ",,")


def _last_lines(log: Path) -> str:
    text = log.read_text(errors="replace") if log.exists() else ""
    return "\n".join(text.replace("\r", "\n").splitlines()[-_SHOWN_LINES:])
