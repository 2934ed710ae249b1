from __future__ import annotations

import ctypes
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from livebg.errors import SinkUnavailableError
from livebg.sinks.pipewire.library import load_library


@pytest.fixture(autouse=True)
def not_loaded() -> Iterator[None]:
    """Forget a library that was loaded before, and one that a test pretended to load."""
    load_library.cache_clear()
    yield
    load_library.cache_clear()


def test_a_missing_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str, use_errno: bool) -> ctypes.CDLL:
        raise OSError(f"{name}: cannot open shared object file: No such file or directory")

    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", refuse)
    with pytest.raises(SinkUnavailableError, match="sudo apt install pipewire wireplumber") as it:
        load_library()
    assert it.value.exit_status == 2


def test_an_old_library_says_which_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", lambda name, use_errno: SimpleNamespace())
    with pytest.raises(SinkUnavailableError, match=r"needs PipeWire 0\.3\.40 or newer"):
        load_library()


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_other_systems_have_none(monkeypatch: pytest.MonkeyPatch, platform: str) -> None:
    monkeypatch.setattr("sys.platform", platform)
    with pytest.raises(SinkUnavailableError, match="there is no PipeWire on this system"):
        load_library()
