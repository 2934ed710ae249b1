"""A real window on a virtual display, looked at by screenshots and driven by real key strokes.

One process can speak to one display only (Qt ends the process when it goes away), so all tests
share one desktop.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import numpy as np
import pytest

from livebg.errors import SinkError
from livebg.sink.window import Window
from livebg.types import Composite, Image
from tests.sink.desktop import Desktop

_TOOLS = ("Xvfb", "xdotool", "import")

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, _TOOLS)), reason="needs Xvfb, xdotool and ImageMagick"
)

_MOST_POLLS = 2000
"""A poll takes a millisecond or more: some seconds, for what the X server needs milliseconds."""

ORANGE = (0, 128, 255)


@pytest.fixture(scope="session")
def shared_desktop() -> Iterator[Desktop]:
    desktop = Desktop()
    yield desktop
    desktop.close()


@pytest.fixture
def desktop(shared_desktop: Desktop, monkeypatch: pytest.MonkeyPatch) -> Desktop:
    monkeypatch.setenv("DISPLAY", shared_desktop.display)
    return shared_desktop


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


def near(screen: Image, colour: tuple[int, int, int]) -> float:
    """Return the share of the screen that has ``colour``; Qt scales and may be a level off."""
    return float((np.abs(screen.astype(int) - colour) <= 2).all(axis=2).mean())


def test_the_picture_is_on_the_screen_and_nothing_else(window: Window, desktop: Desktop) -> None:
    show(window, composite())
    # The window has the picture's size and no tool bar: 320x180 of 900x600 pixels.
    assert near(desktop.screenshot(), ORANGE) == pytest.approx(320 * 180 / (900 * 600), rel=0.02)


def test_transparent_parts_show_a_chequerboard_not_the_room(
    window: Window, desktop: Desktop
) -> None:
    show(window, composite((*ORANGE, 0)))
    screen = desktop.screenshot()
    assert near(screen, ORANGE) == 0
    assert near(screen, (204, 204, 204)) > 0.03
    assert near(screen, (153, 153, 153)) > 0.03


def test_the_overlay_is_in_the_window_only(window: Window, desktop: Desktop) -> None:
    picture = composite()
    window.overlay = ["30.0 frames/s"]
    show(window, picture)
    assert near(desktop.screenshot(), (0, 38, 76)) > 0.001  # 0.3 of the orange, behind the text
    assert (picture.image == ORANGE).all()


@pytest.mark.parametrize(
    ("pressed", "key"),
    [("q", "q"), ("plus", "+"), ("minus", "-"), ("space", " "), ("Escape", "escape"), ("H", "h")],
)
def test_keys(window: Window, desktop: Desktop, pressed: str, key: str) -> None:
    show(window, composite())
    desktop.press("livebg under test", pressed)
    for _ in range(_MOST_POLLS):
        keys = window.poll_keys()
        if keys:
            break
    assert keys == [key]


def test_a_window_closed_by_its_user_says_so_and_takes_no_more(
    window: Window, desktop: Desktop
) -> None:
    show(window, composite())
    assert not window.closed
    desktop.close_by_hand("livebg under test")
    for _ in range(_MOST_POLLS):
        window.poll_keys()
        if window.closed:
            break
    assert window.closed
    assert window.poll_keys() == []
    with pytest.raises(SinkError, match="was closed"):
        window.send(composite())


def test_closing_takes_it_off_the_screen(desktop: Desktop) -> None:
    window = Window("short-lived")
    show(window, composite())
    window.close()
    window.close()
    assert window.closed
    assert near(desktop.screenshot(), ORANGE) == 0
    with pytest.raises(SinkError, match="was closed"):
        window.send(composite())


def test_a_window_can_be_closed_before_it_showed_anything(desktop: Desktop) -> None:
    Window("never used").close()
