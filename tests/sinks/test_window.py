"""A real window on a virtual display, looked at by screenshots and driven by real key strokes.

One process can speak to one display only (Qt ends the process when it goes away), so all tests
share one desktop.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from livebg.errors import SinkError
from livebg.frame import Composite, Image, Size
from livebg.sinks.window import Window, draw_overlay
from tests.support.desktop import Desktop
from tests.support.waiting import wait_until


@pytest.mark.parametrize("level", [0, 128, 255])
@pytest.mark.parametrize("size", [(320, 180), (1280, 720), (3840, 2160)])
def test_text_stands_out_on_any_picture(level: int, size: Size) -> None:
    image = np.full((size[1], size[0], 3), level, np.uint8)
    drawn = draw_overlay(image, ["30.0 frames/s", "latency 12 ms"])
    height, width = size[1] // 4, size[0] // 3
    corner = drawn[:height, :width]
    # WCAG asks for 4.5:1 between text and ground; white on 0.3 * 255 = 76 has about 8:1.
    assert corner.max() >= 250
    assert np.percentile(corner, 10) <= 77
    assert (drawn[size[1] // 2 :] == level).all()


def test_the_picture_itself_is_not_altered() -> None:
    image = np.full((90, 160, 3), 255, np.uint8)
    draw_overlay(image, ["text"])
    assert (image == 255).all()
    assert draw_overlay(image, []) is image


def test_text_that_does_not_fit_is_cut_off() -> None:
    image = np.full((48, 64, 3), 255, np.uint8)
    drawn = draw_overlay(image, ["a line much longer than the picture is wide"] * 20)
    assert drawn.shape == image.shape


def test_letters_that_the_font_lacks_are_question_marks() -> None:
    image = np.zeros((360, 640, 3), np.uint8)
    assert np.array_equal(draw_overlay(image, ["Küche"]), draw_overlay(image, ["K?che"]))


ORANGE = (0, 128, 255)


@pytest.fixture
def window(desktop: Desktop) -> Iterator[Window]:
    with Window("livebg under test") as window:
        yield window


def composite(colour: tuple[int, ...] = ORANGE) -> Composite:
    return Composite(np.full((180, 320, len(colour)), colour, np.uint8), 0, 0)


def show(window: Window, picture: Composite) -> None:
    window.send(picture)
    for _ in range(20):
        window.poll_keys()


def see(window: Window, desktop: Desktop, colour: tuple[int, int, int], share: float) -> Image:
    """Return a screenshot as soon as more than ``share`` of it has ``colour``."""
    screen = desktop.screenshot()

    def is_shown() -> bool:
        nonlocal screen
        window.poll_keys()
        screen = desktop.screenshot()
        return near(screen, colour) > share

    wait_until(is_shown)
    return screen


def near(screen: Image, colour: tuple[int, int, int]) -> float:
    """Return the share of the screen that has ``colour``; Qt scales and may be a level off."""
    return float((np.abs(screen.astype(int) - colour) <= 2).all(axis=2).mean())


def test_the_picture_is_on_the_screen_and_nothing_else(window: Window, desktop: Desktop) -> None:
    show(window, composite())
    # The window has the picture's size and no tool bar: 320x180 of 900x600 pixels.
    share = 320 * 180 / (900 * 600)
    screen = see(window, desktop, ORANGE, 0.98 * share)
    assert near(screen, ORANGE) == pytest.approx(share, rel=0.02)


def test_transparent_parts_show_a_checkerboard_not_the_room(
    window: Window, desktop: Desktop
) -> None:
    show(window, composite((*ORANGE, 0)))
    screen = see(window, desktop, (204, 204, 204), 0.03)
    assert near(screen, ORANGE) == 0
    assert near(screen, (204, 204, 204)) > 0.03
    assert near(screen, (153, 153, 153)) > 0.03


def test_the_overlay_is_in_the_window_only(window: Window, desktop: Desktop) -> None:
    picture = composite()
    window.overlay = ["30.0 frames/s"]
    show(window, picture)
    dark = (0, 38, 76)  # 0.3 of the orange, behind the text
    assert near(see(window, desktop, dark, 0.001), dark) > 0.001
    assert (picture.image == ORANGE).all()


@pytest.mark.parametrize(
    ("pressed", "key"),
    [("q", "q"), ("plus", "+"), ("minus", "-"), ("space", " "), ("Escape", "escape"), ("H", "h")],
)
def test_keys(window: Window, desktop: Desktop, pressed: str, key: str) -> None:
    show(window, composite())
    desktop.press("livebg under test", pressed)
    assert wait_until(window.poll_keys) == [key]


def test_a_window_closed_by_its_user_says_so_and_takes_no_more(
    window: Window, desktop: Desktop
) -> None:
    show(window, composite())
    assert not window.closed
    desktop.close_by_hand("livebg under test")
    wait_until(lambda: window.poll_keys() or window.closed)
    assert window.closed
    assert window.poll_keys() == []
    with pytest.raises(SinkError, match="was closed"):
        window.send(composite())


def test_closing_takes_it_off_the_screen(desktop: Desktop) -> None:
    window = Window("short-lived")
    show(window, composite())
    window.close()
    assert window.closed
    assert near(see(window, desktop, (0, 0, 0), 0.99), ORANGE) == 0


def test_a_server_that_resets_when_it_is_left_is_not_left(shared_desktop: Desktop) -> None:
    """Asking for the display and opening the window are two connections, Xvfb's only ones."""
    program = (
        "from livebg.sinks.window import Window; w = Window('alone'); w.poll_keys(); w.close()"
    )
    for _ in range(3):
        subprocess.run(["xvfb-run", "-a", sys.executable, "-c", program], check=True)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has libxcb")
@pytest.mark.parametrize("module", ["livebg.sources.video", "livebg.sinks.recorder"])
def test_pyav_is_loaded_after_opencv_whatever_is_imported_first(
    desktop: Desktop, module: str
) -> None:
    done = run_python(f"import {module}, livebg.sinks.window as w; w.Window().close()")
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has libxcb")
def test_a_program_that_loaded_pyav_first_is_told_so(desktop: Desktop) -> None:
    done = run_python("import av, livebg.sinks.window as w; w.Window()")
    assert "SinkUnavailableError: no window can be opened after PyAV was loaded" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has X11")
def test_qt_takes_its_events_by_the_systems_libraries_not_by_opencvs(desktop: Desktop) -> None:
    """OpenCV's copy of libX11-xcb fits another libX11: on a busy machine its window stays black."""
    done = run_python(_WHICH_LIBRARY)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).name.startswith("libX11-xcb.so.1")


_WHICH_LIBRARY = """
import ctypes
from livebg.sinks.window import Window

class Symbol(ctypes.Structure):  # [Dl_info]
    _fields_ = [(name, ctypes.c_char_p) for name in ("file", "base", "name", "address")]

with Window():
    found, program = Symbol(), ctypes.CDLL(None)
    program.dladdr(program.XSetEventQueueOwner, ctypes.byref(found))
print(found.file.decode())
"""


def run_python(program: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)
