import io

import pytest

from livebg.cli.live_line import LiveLine, describe
from livebg.clock import ManualClock
from livebg.runtime.stats import Glance


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_at_most_four_updates_a_second() -> None:
    clock, terminal = ManualClock(), Terminal()
    line = LiveLine(clock, terminal)
    for frame in range(61):
        line.update(f"frame {frame}")
        clock.advance(1 / 60)
    assert terminal.getvalue().count("frame") <= 5


def test_a_sentence_leaves_the_line_below_it() -> None:
    terminal = Terminal()
    line = LiveLine(ManualClock(), terminal)
    line.update("30 frames/s")
    line.say("the camera is back")
    assert (
        terminal.getvalue() == "\r\x1b[K30 frames/s\r\x1b[Klivebg: the camera is back\n30 frames/s"
    )


def test_a_line_is_cut_to_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    terminal = Terminal()
    line = LiveLine(ManualClock(), terminal)
    line.update("x" * 50)
    assert terminal.getvalue() == "\r\x1b[K" + "x" * 19


def test_a_terminal_that_was_closed_ends_nothing() -> None:
    class Closed(Terminal):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    line = LiveLine(ManualClock(), Closed())
    line.update("30 frames/s")
    line.say("the camera is back")
    line.clear()


def test_where_nobody_watches_there_are_only_sentences() -> None:
    log = io.StringIO()
    line = LiveLine(ManualClock(), log)
    line.update("30 frames/s")
    line.say("the camera is back")
    line.clear()
    assert log.getvalue() == "livebg: the camera is back\n"


def test_clearing_takes_the_line_away_once() -> None:
    terminal = Terminal()
    line = LiveLine(ManualClock(), terminal)
    line.update("30 frames/s")
    line.clear()
    line.clear()
    assert terminal.getvalue() == "\r\x1b[K30 frames/s\r\x1b[K"


def test_numbers_are_rounded_for_people() -> None:
    words = describe(Glance(29.97, 6.12, 9.44, 0.314, 2))
    assert words == "30.0 frames/s, latency 6 ms (p95 9 ms), CPU 31 %, 2 dropped"


def test_the_networks_rhythm_is_told_once_it_is_known() -> None:
    words = describe(Glance(29.97, 6.12, 9.44, 0.314, 2, 4.16))
    assert "CPU 31 %, network every 4.2, 2 dropped" in words
