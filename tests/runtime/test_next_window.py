import numpy as np
import pytest

from livebg.runtime.next_window import NextWindow
from livebg.types import Frame, Image, Size
from tests.mattes import disc

SIZE: Size = (640, 360)
FRAME_NS = 33_000_000


def somebody() -> Image:
    """The alpha of a small person on the left, at an eighth of the size."""
    small = (SIZE[0] // 8, SIZE[1] // 8)
    return np.rint(disc(small, (0.3, 0.6), 0.15, 0.02) * 255).astype(np.uint8)


def frame(index: int) -> Frame:
    return Frame(np.zeros((SIZE[1], SIZE[0], 3), np.uint8), index, index * FRAME_NS)


@pytest.fixture
def zoomed() -> NextWindow:
    """Auto-framing that has seen somebody for four seconds."""
    window = NextWindow(100)
    for index in range(120):
        window.update(frame(index), somebody())
    return window


def test_all_is_shown_before_anybody_was_seen() -> None:
    window = NextWindow(100)
    assert window.window is None
    assert not window.at_rest


def test_it_goes_to_where_somebody_is(zoomed: NextWindow) -> None:
    shown = zoomed.window
    assert shown is not None
    assert shown.width < SIZE[0]
    assert (shown.left + shown.right) / 2 < SIZE[0] / 2


def test_switched_off_it_goes_back_to_all(zoomed: NextWindow) -> None:
    zoomed.configure(0)
    for index in range(120, 420):
        zoomed.update(frame(index), None if zoomed.at_rest else somebody())
    assert zoomed.at_rest
    assert zoomed.window is None


def test_switched_off_it_is_at_rest() -> None:
    assert NextWindow(0).at_rest
