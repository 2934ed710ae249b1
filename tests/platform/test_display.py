import sys

import pytest

from livebg.errors import SinkUnavailableError
from livebg.platform.display import require_display

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere is always a display")


def test_no_display_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(SinkUnavailableError, match="there is no display") as caught:
        require_display()
    assert caught.value.exit_status == 2


def test_wayland_alone_is_not_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    with pytest.raises(SinkUnavailableError, match="install xwayland"):
        require_display()


def test_a_display_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":4711")
    with pytest.raises(SinkUnavailableError, match="the display :4711 does not answer"):
        require_display()
