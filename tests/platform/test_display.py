import sys

import pytest

from livebg.errors import SinkUnavailableError
from livebg.platform.display import require_display

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere is always a display")


@pytest.mark.parametrize(
    ("display", "wayland", "words"),
    [
        ("", "", "there is no display"),
        ("", "wayland-0", "install xwayland"),
        (":4711", "", "the display :4711 does not answer"),
    ],
)
def test_without_a_display_it_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, display: str, wayland: str, words: str
) -> None:
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.setenv("WAYLAND_DISPLAY", wayland)
    with pytest.raises(SinkUnavailableError, match=words) as caught:
        require_display()
    assert caught.value.exit_status == 2
