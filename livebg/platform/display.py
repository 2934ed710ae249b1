"""Whether a window can be opened at all: asked before OpenCV, which ends the process if not."""

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
"""The displays that answered, with the connections that are kept to them."""


def require_display() -> None:
    """Return if windows can be opened here.

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
    _let_qt_own_its_events()


def _x11_answers(display: str) -> bool:
    """Connect to ``display`` once, by the library that Qt uses as well, and stay connected.

    A bare X server, such as Xvfb, starts afresh when its last client hangs up; Qt, which connects
    next, would not find it.
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


def _let_qt_own_its_events() -> None:
    """Put the system's libX11-xcb before the copy in OpenCV's wheel.

    With it Qt tells Xlib to leave the events of the display alone. It does so by writing into a
    structure of Xlib's that has grown since libX11 1.6, of which the wheel has its copy (OpenCV
    4.14 and 5.0): beside libX11 1.8 that copy misses the field, and Xlib throws away what has
    arrived whenever it asks the server something. On a busy machine the window then often misses
    that it may draw itself, and stays black.
    """
    _load("libX11-xcb.so.1", mode=ctypes.RTLD_GLOBAL)


def _load(library: str, mode: int = ctypes.DEFAULT_MODE) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(library, mode)
    except OSError as error:
        raise SinkUnavailableError(
            f"no window can be opened: the system library {library} is missing; install it "
            f"(Debian and Ubuntu: sudo apt install {_PACKAGES[library]} libgl1)"
        ) from error
