"""A preview window with a keyboard, and text over its picture."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np

from livebg.errors import SinkError, SinkUnavailableError
from livebg.frame import BGR, Composite, Image, Size
from livebg.platform.display import require_display
from livebg.sinks.base import Sink, flatten, repacked

__all__ = ["Window", "draw_overlay"]

_STYLE = cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL
"""Resizable, in proportion, without OpenCV's own tool bar."""

_ESCAPE = 27

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_FONT_PX = 22.0
"""Height of a capital letter of that font at scale 1, in pixels."""

_LETTERS_PER_PICTURE = 40.0
"""Height of the picture in capital letters."""

_SMALLEST_PX = 8.0
_DIMMING = 0.3
"""Share of the picture's brightness that is left behind the text."""


class Window(Sink):
    """Shows composites in a window of the desktop.

    The main thread must own it: Qt, which draws OpenCV's windows on Linux, works only in the thread
    that used it first. The window reacts to the desktop only while `poll_keys` is called, so call
    it after every `send`, and while paused.

    When the user closes the window, `closed` turns True; the caller then stops sending.

    Args:
        title: text in the title bar; two windows of the same title would be one.

    Attributes:
        overlay: lines of text over the picture, in the window only.

    Raises:
        SinkUnavailableError: there is no display, OpenCV was built without windows, or a program
            that uses livebg loaded PyAV before it.
    """

    in_main_thread = True

    def __init__(self, title: str = "livebg") -> None:
        require_display()
        _require_opencv_first()
        self.name = f"window {title!r}"
        self.overlay: Sequence[str] = ()
        self._title = title
        self._shown = False
        self._closed = False
        try:
            cv2.namedWindow(title, _STYLE)
        except cv2.error as error:
            raise SinkUnavailableError(
                "no window can be opened: this OpenCV was built without windows; replace "
                "opencv-python-headless by opencv-python"
            ) from error

    @property
    def closed(self) -> bool:
        """True once the user or `close` closed the window."""
        if not self._closed and self._shown:
            self._closed = not _is_visible(self._title)
        return self._closed

    def send(self, composite: Composite) -> None:
        """Show ``composite``; transparent pixels show a checkerboard.

        Raises:
            SinkError: the window was closed.
        """
        if self.closed:
            raise SinkError(f"{self.name} was closed; nothing more can be shown in it")
        image = repacked(composite, BGR)
        if image.shape[2] == 4:
            image = flatten(image, _checkerboard(composite.size))
        if not self._shown:
            cv2.resizeWindow(self._title, *composite.size)
        cv2.imshow(self._title, draw_overlay(image, self.overlay))
        self._shown = True

    def poll_keys(self) -> list[str]:
        """Let the window react, and return the key that was pressed, if any.

        A key is the character that it types, a letter in lower case (``"q"``, ``"+"``, ``" "``),
        or ``"escape"``; keys that type nothing are left out. Does not wait. Of several keys since
        the last call Qt remembers the last one only, so call it for every frame.
        """
        if self.closed:
            return []
        code = cv2.pollKey()
        if code == _ESCAPE:
            return ["escape"]
        return [chr(code).lower()] if _ESCAPE < code < 127 else []

    def close(self) -> None:
        """Close the window. Idempotent."""
        if not self.closed:
            self._closed = True
            cv2.destroyWindow(self._title)
            cv2.pollKey()  # lets the desktop see it


def draw_overlay(image: Image, lines: Sequence[str]) -> Image:
    """Return a copy of ``image`` with ``lines`` at its top left, white on a darkened patch.

    The font knows ASCII only; other letters become question marks. A line that is too long for
    the picture is cut off at its edge.

    Args:
        image: ``(H, W, 3)`` uint8 BGR, not altered.
        lines: texts, one below the other; without any, ``image`` itself is returned.
    """
    if not lines:
        return image
    texts = [line.encode("ascii", "replace").decode() for line in lines]
    height, width = image.shape[:2]
    letter_px = max(_SMALLEST_PX, height / _LETTERS_PER_PICTURE)
    scale = letter_px / _FONT_PX
    thickness = max(1, round(scale * 1.6))
    line_px = round(letter_px * 1.9)
    margin = round(letter_px)
    longest = max(cv2.getTextSize(text, _FONT, scale, thickness)[0][0] for text in texts)
    right = min(width, longest + 3 * margin)
    bottom = min(height, line_px * len(texts) + 2 * margin)

    drawn = image.copy()
    patch = drawn[margin // 2 : bottom, margin // 2 : right]
    patch[:] = (patch * _DIMMING).astype(np.uint8)
    for row, text in enumerate(texts, start=1):
        origin = (round(1.5 * margin), row * line_px + margin // 2)
        cv2.putText(drawn, text, origin, _FONT, scale, (255, 255, 255), thickness, cv2.LINE_AA)
    return drawn


@lru_cache(maxsize=1)
def _checkerboard(size: Size) -> Image:
    """Return the grey squares that picture editors show behind transparent pixels."""
    width, height = size
    square_px = max(4, height // 45)
    dark = (np.arange(height)[:, None] // square_px + np.arange(width) // square_px) % 2
    return np.repeat(np.where(dark, 153, 204).astype(np.uint8)[..., None], 3, axis=2)


def _require_opencv_first() -> None:
    """Refuse what would hang: Qt waits for ever where PyAV's libxcb was loaded first."""
    loaded = list(sys.modules)
    if sys.platform == "linux" and "av" in loaded and loaded.index("av") < loaded.index("cv2"):
        raise SinkUnavailableError(
            "no window can be opened after PyAV was loaded; put `import cv2` before `import av`"
        )


def _is_visible(title: str) -> bool:
    try:
        return bool(cv2.getWindowProperty(title, cv2.WND_PROP_VISIBLE) >= 1)
    except cv2.error:  # Qt is gone together with its last window
        return False
