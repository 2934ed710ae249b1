from __future__ import annotations

import io

import pytest

from livebg.cli.status_line import StatusLine
from livebg.clock import ManualClock
from tests.support.terminal import Terminal


def test_at_most_four_updates_a_second() -> None:
    clock, terminal = ManualClock(), Terminal()
    line = StatusLine(clock, terminal)
    for frame in range(61):
        line.update(f"frame {frame}")
        clock.advance(1 / 60)
    assert terminal.getvalue().count("frame") <= 5


def test_a_sentence_leaves_the_line_below_it_until_it_is_cleared() -> None:
    terminal = Terminal()
    line = StatusLine(ManualClock(), terminal)
    line.update("30 frames/s")
    line.say("the camera is back")
    line.clear()
    line.clear()
    assert terminal.getvalue() == (
        "\r\x1b[K30 frames/s\r\x1b[Klivebg: the camera is back\n30 frames/s\r\x1b[K"
    )


def test_a_line_is_cut_to_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    terminal = Terminal()
    StatusLine(ManualClock(), terminal).update("x" * 50)
    assert terminal.getvalue() == "\r\x1b[K" + "x" * 19


def test_a_terminal_that_was_closed_ends_nothing() -> None:
    class Closed(Terminal):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    line = StatusLine(ManualClock(), Closed())
    line.update("30 frames/s")
    line.say("the camera is back")
    line.clear()


def test_a_log_gets_only_sentences() -> None:
    log = io.StringIO()
    line = StatusLine(ManualClock(), log)
    line.update("30 frames/s")
    line.say("the camera is back")
    line.clear()
    assert log.getvalue() == "livebg: the camera is back\n"
