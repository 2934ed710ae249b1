from __future__ import annotations

import io
import sys

import pytest

from livebg.cli.progress import download_progress, megabytes


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_log_gets_one_line_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    with download_progress() as progress:
        for done in range(0, 2_000_001, 500_000):
            progress("weights of rvm (GPL-3.0)", done, 2_000_000)
        progress("demo clip", 0, None)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        "livebg: fetching weights of rvm (GPL-3.0), 2.0 MB\nlivebg: fetching demo clip\n"
    )


def test_nothing_fetched_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with download_progress():
        pass
    assert capsys.readouterr() == ("", "")


def test_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with download_progress() as progress:
        progress("weights [of] rvm", 0, 13_000_000)
        progress("weights [of] rvm", 15_000_000, 15_000_000)
    shown = terminal.getvalue()
    assert "fetching weights [of] rvm" in shown
    assert "15.0/15.0 MB" in shown


def test_bar_is_finished_when_the_fetch_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cursor, which the bar hides, is shown again."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with pytest.raises(KeyboardInterrupt), download_progress() as progress:
        progress("weights", 0, 10)
        raise KeyboardInterrupt
    assert terminal.getvalue().rfind("\x1b[?25h") > terminal.getvalue().rfind("\x1b[?25l") >= 0


@pytest.mark.parametrize(("size", "text"), [(0, "0.0 MB"), (14_975_696, "15.0 MB")])
def test_megabytes(size: int, text: str) -> None:
    assert megabytes(size) == text
