"""A desktop for tests: a virtual X server, and the user who sits in front of it."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import cv2
import numpy as np

from livebg.closable import Closable
from livebg.frame import Image

_PROGRAMS = ("Xvfb", "xvfb-run", "xauth", "xdotool", "import")
MISSING = [program for program in _PROGRAMS if shutil.which(program) is None]
"""Programs that a desktop needs and this machine lacks; ``import`` is ImageMagick's."""

_CLIENT_MESSAGE = 33


class _ClientMessage(ctypes.Structure):  # [XClientMessageEvent]
    _fields_ = [
        ("type", ctypes.c_int),
        ("serial", ctypes.c_ulong),
        ("send_event", ctypes.c_int),
        ("display", ctypes.c_void_p),
        ("window", ctypes.c_ulong),
        ("message_type", ctypes.c_ulong),
        ("format", ctypes.c_int),
        ("data", ctypes.c_long * 5),
        ("padding", ctypes.c_long * 24),  # an XEvent is as long as its longest kind
    ]


class Desktop(Closable):
    """Runs Xvfb on a free display number until it is closed.

    Attributes:
        display: value for ``DISPLAY``.
    """

    def __init__(self) -> None:
        reader, writer = os.pipe()
        self._server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(writer), "-screen", "0", "900x600x24", "-nolisten", "tcp"],
            pass_fds=[writer],
            stderr=subprocess.DEVNULL,
        )
        os.close(writer)
        with os.fdopen(reader) as pipe:  # Xvfb says its number once it answers
            self.display = f":{pipe.readline().strip()}"

    def close(self) -> None:
        self._server.terminate()
        self._server.wait(10)

    def find(self, title: str) -> int:
        """Return the id of the visible window of that title."""
        found = self._xdotool("search", "--sync", "--onlyvisible", "--name", f"^{title}$")
        return int(found.split()[0])

    def press(self, title: str, *keys: str) -> None:
        """Press keys in a window, by their names in X."""
        window = str(self.find(title))
        self._xdotool("windowfocus", "--sync", window, "key", *keys)

    def close_by_hand(self, title: str) -> None:
        """Do what a window manager does when somebody clicks the cross: ask it to close."""
        x11 = ctypes.CDLL("libX11.so.6")
        x11.XOpenDisplay.restype = ctypes.c_void_p
        x11.XInternAtom.restype = ctypes.c_ulong
        x11.XInternAtom.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
        x11.XSendEvent.argtypes = [
            ctypes.c_void_p,
            ctypes.c_ulong,
            ctypes.c_int,
            ctypes.c_long,
            ctypes.c_void_p,
        ]
        x11.XCloseDisplay.argtypes = [ctypes.c_void_p]
        display = x11.XOpenDisplay(self.display.encode())
        window = self.find(title)
        event = _ClientMessage(
            type=_CLIENT_MESSAGE,
            window=window,
            message_type=x11.XInternAtom(display, b"WM_PROTOCOLS", 0),
            format=32,
        )
        event.data[0] = x11.XInternAtom(display, b"WM_DELETE_WINDOW", 0)
        x11.XSendEvent(display, window, 0, 0, ctypes.byref(event))
        x11.XCloseDisplay(display)

    def screenshot(self) -> Image:
        """Return what the screen shows, BGR."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "screen.png"
            subprocess.run(
                ["import", "-display", self.display, "-window", "root", str(path)], check=True
            )
            return np.asarray(cv2.imread(str(path)), np.uint8)

    def _xdotool(self, *arguments: str) -> str:
        environment = {**os.environ, "DISPLAY": self.display}
        done = subprocess.run(
            ["xdotool", *arguments], env=environment, check=True, capture_output=True, text=True
        )
        return done.stdout
