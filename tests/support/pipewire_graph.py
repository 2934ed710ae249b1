"""A PipeWire daemon of a test's own, and programs that read a camera from it."""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from livebg.frame import Image, Size
from tests.support.waiting import wait_until

__all__ = ["MISSING", "Graph", "Reader"]

_PROGRAMS = ("pipewire", "wireplumber", "pw-dump", "dbus-daemon", "gst-launch-1.0")
MISSING = [program for program in _PROGRAMS if shutil.which(program) is None]
"""Programs that the graph needs and this machine lacks."""

_BUS = """<busconfig>
  <type>session</type>
  <listen>unix:path={folder}/bus</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*"/> <allow receive_sender="*"/> <allow own="*"/>
  </policy>
</busconfig>
"""
_POLL_S = 60.0
_LEAVING_S = 5.0


class Graph:
    """A daemon and a session manager in a folder of their own, as a desktop runs them.

    Args:
        folder: short, because its sockets' paths may not be long.

    Attributes:
        environment: what a program needs to find this daemon, and no other.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._readers: list[Reader] = []
        folder.chmod(0o700)
        self.environment = {
            "XDG_RUNTIME_DIR": str(folder),
            "PIPEWIRE_RUNTIME_DIR": str(folder),
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={folder}/bus",
        }
        (folder / "bus.xml").write_text(_BUS.format(folder=folder))
        self._bus = self._run("dbus-daemon", f"--config-file={folder}/bus.xml", "--nofork")
        wait_until(lambda: (folder / "bus").exists())
        self.start()

    def start(self) -> None:
        """Start the daemon and the session manager; returns when both are ready."""
        self.daemon = self._run("pipewire")
        wait_until(lambda: (self._folder / "pipewire-0").exists())
        self._manager = self._run("wireplumber")
        wait_until(lambda: "WirePlumber [export]" in json.dumps(self.objects()))

    def kill(self) -> None:
        """Kill the daemon without warning, as a crash would; the session manager follows it."""
        self.daemon.kill()
        self.daemon.wait(_POLL_S)
        (self._folder / "pipewire-0").unlink()
        self._manager.terminate()
        self._manager.wait(_POLL_S)

    def objects(self) -> list[dict[str, Any]]:
        """Return everything in the graph."""
        dump = subprocess.run(
            ["pw-dump"], env=self._environment, capture_output=True, timeout=_POLL_S
        )
        return json.loads(dump.stdout) if dump.returncode == 0 else []

    def camera(self) -> dict[str, Any] | None:
        """Return what the graph says of the node ``livebg``; None while there is none."""
        found = [
            each["info"]
            for each in self.objects()
            if each["type"].endswith(":Node") and each["info"]["props"]["node.name"] == "livebg"
        ]
        return found[0] if found else None

    def read(self, count: int, into: Path, *, format: str = "I420") -> Reader:
        """Start a program that reads ``count`` pictures."""
        reader = Reader(count, into, format, self._environment)
        self._readers.append(reader)
        return reader

    def dismiss(self) -> None:
        """End the programs that still read."""
        while self._readers:
            self._readers.pop().stop()

    def close(self) -> None:
        """End everything that was started."""
        self.dismiss()
        for process in (self._manager, self.daemon, self._bus):
            process.send_signal(signal.SIGCONT)
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5.0)
            process.kill()
            process.wait(5.0)

    @property
    def _environment(self) -> dict[str, str]:
        return {**os.environ, **self.environment}

    def _run(self, *command: str) -> subprocess.Popen[bytes]:
        # Neither the user's settings nor what an earlier run remembered.
        own = {"XDG_CONFIG_HOME": str(self._folder), "XDG_STATE_HOME": str(self._folder)}
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(
                command, env=self._environment | own, stdout=log, stderr=log, close_fds=True
            )


class Reader:
    """GStreamer reading the camera ``livebg`` until it has so many pictures."""

    def __init__(self, count: int, into: Path, format: str, environment: dict[str, str]) -> None:
        self._into = into
        self._format = format
        self._process = subprocess.Popen(
            [
                *("gst-launch-1.0", "-q", "pipewiresrc", "target-object=livebg"),
                *(f"num-buffers={count}", "!", f"video/x-raw,format={format}", "!"),
                *("filesink", f"location={into}", "buffer-mode=unbuffered"),
            ],
            env=environment,
        )

    @property
    def done(self) -> bool:
        """True when it has ended."""
        return self._process.poll() is not None

    @property
    def bytes_read(self) -> int:
        """How much it has read."""
        return self._into.stat().st_size if self._into.exists() else 0

    def stop(self) -> None:
        """Leave, as a program does that closes the camera; nothing happens if it has left."""
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(_LEAVING_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(_LEAVING_S)

    def pictures(self, size: Size) -> list[Image]:
        """Return what it has read so far as BGR pictures of ``size``, ``(width, height)``."""
        count = self.bytes_read // math.prod(self._shape(size))
        return [self._picture(number, size) for number in range(count)]

    def newest(self, size: Size) -> Image | None:
        """Return the picture that it read last; None before there is one."""
        count = self.bytes_read // math.prod(self._shape(size))
        return self._picture(count - 1, size) if count else None

    def _picture(self, number: int, size: Size) -> Image:
        shape = self._shape(size)
        size_bytes = math.prod(shape)
        with self._into.open("rb") as file:
            file.seek(number * size_bytes)
            pixels = np.frombuffer(file.read(size_bytes), np.uint8).reshape(shape)
        code = cv2.COLOR_YUV2BGR_YUY2 if self._format == "YUY2" else cv2.COLOR_YUV2BGR_I420
        return np.asarray(cv2.cvtColor(pixels, code), np.uint8)

    def _shape(self, size: Size) -> tuple[int, ...]:
        width, height = size
        return (height, width, 2) if self._format == "YUY2" else (height * 3 // 2, width)
