"""Check of the display before a window is opened, as OpenCV ends the process without one."""

from __future__ import annotations

import ctypes
import os
import sys

from livebg.errors import SinkUnavailableError

__all__ = ["require_display"]

_ADVICE = "run it on a desktop, or leave the window out"

_PACKAGES = {"libxcb.so.1": "libxcb1", "libX11-xcb.so.1": "libx11-xcb1"}
"""Debian's packages of the system libraries that a window needs."""

_CONNECTIONS: dict[str, int] = {}
"""Connections that are kept open, by display."""


def require_display() -> None:
    """Check that windows can be opened here.

    OpenCV's windows on Linux are those of Qt, which aborts the whole process when it cannot reach
    the display, so the display is tried here first. OpenCV brings Qt's plug-in for X11 only: under
    Wayland it needs XWayland, which sets ``DISPLAY`` too.

    Raises:
        SinkUnavailableError: there is no display, or it cannot be reached.
    """
    if sys.platform != "linux":
        return
    display = os.environ.get("DISPLAY", "")
    if not display:
        if os.environ.get("WAYLAND_DISPLAY"):
            raise SinkUnavailableError(
                "no window can be opened: OpenCV needs X11 and this Wayland session has no "
                "XWayland (DISPLAY is not set); install xwayland, or leave the window out"
            )
        raise SinkUnavailableError(
            f"no window can be opened: there is no display (DISPLAY is not set); {_ADVICE}"
        )
    if not _x11_answers(display):
        raise SinkUnavailableError(
            f"no window can be opened: the display {display} does not answer; {_ADVICE}"
        )
    # Before the copy of libX11 1.6's in OpenCV's wheels (4.14, 5.0), through which Qt claims the
    # events of the display: beside libX11 1.8 that copy writes into the wrong field, Xlib discards
    # events, and on a busy machine the window stays black.
    _load("libX11-xcb.so.1", mode=ctypes.RTLD_GLOBAL)


def _x11_answers(display: str) -> bool:
    """Connect to ``display`` once and stay connected.

    A bare X server, such as Xvfb, resets when its last client leaves, and would miss Qt's
    connection, the next one.
    """
    if display in _CONNECTIONS:
        return True
    xcb = _load("libxcb.so.1")
    xcb.xcb_connect.restype = ctypes.c_void_p
    xcb.xcb_connect.argtypes = [ctypes.c_char_p, ctypes.c_void_p]
    xcb.xcb_connection_has_error.argtypes = [ctypes.c_void_p]
    xcb.xcb_disconnect.argtypes = [ctypes.c_void_p]
    connection = xcb.xcb_connect(display.encode(), None)
    if xcb.xcb_connection_has_error(connection):
        xcb.xcb_disconnect(connection)
        return False
    _CONNECTIONS[display] = connection
    return True


def _load(library: str, mode: int = ctypes.DEFAULT_MODE) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(library, mode)
    except OSError as error:
        raise SinkUnavailableError(
            f"no window can be opened: the system library {library} is missing; install it "
            f"(Debian and Ubuntu: sudo apt install {_PACKAGES[library]} libgl1)"
        ) from error
