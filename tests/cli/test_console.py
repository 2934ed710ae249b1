from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from livebg.cli import console as signals
from livebg.cli.console import (
    StatsFile,
    download_progress,
    interrupt_on_signals,
    stop_on_signals,
)
from livebg.errors import InputError
from tests.support.terminal import Terminal

pytestmark = pytest.mark.skipif(os.name != "posix", reason="closes streams with a POSIX shell")

TRY_ALL = """
import os, sys
from livebg.cli.console import open_closed_streams
open_closed_streams()
with open(os.devnull) as file:
    assert file.fileno() > 2
assert not sys.stderr.isatty()
print("said")
print("said", file=sys.stderr, flush=True)
sys.stdout.flush()
assert sys.stdin.read() == ""
assert all(os.get_inheritable(number) for number in (0, 1, 2))
"""


def shell(redirection: str, *words: str, unbuffered: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {redirection}', "sh", sys.executable, *words],
        env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.integration
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_lead_nowhere(closed: str) -> None:
    ended = shell(closed, "-c", TRY_ALL)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.integration
def test_streams_that_are_open_stay_as_they_are() -> None:
    ended = shell("", "-c", TRY_ALL)
    assert (ended.stdout, ended.stderr) == ("said\n", "said\n")


@pytest.mark.integration
@pytest.mark.parametrize(("closed", "words"), [(">&-", ["--version"]), ("2>&-", ["vidoe"])])
def test_a_command_does_without_a_stream(closed: str, words: list[str]) -> None:
    ended = shell(closed, "-m", "livebg", *words)
    assert ended.returncode == (2 if words == ["vidoe"] else 0)
    assert (ended.stdout, ended.stderr) == ("", "")


@pytest.mark.integration
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, which Linux has")
@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
def test_an_output_that_is_full_is_one_sentence(unbuffered: str) -> None:
    ended = shell(">/dev/full", "-m", "livebg", "models", "list", unbuffered=unbuffered)
    assert ended.returncode == 1
    assert ended.stderr == (
        "livebg: writing failed ([Errno 28] No space left on device), "
        "make room or write elsewhere\n"
    )


@pytest.mark.integration
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, which Linux has")
def test_errors_that_nobody_can_read_leave_their_status() -> None:
    assert shell("2>/dev/full", "-m", "livebg", "vidoe").returncode == 2


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


SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_asks_and_the_second_kills(number: signal.Signals) -> None:
    before = [signal.getsignal(each) for each in SIGNALS]
    asked: list[bool] = []
    with stop_on_signals(lambda: asked.append(True)):
        send(number)
        assert asked == [True]
        assert all(signal.getsignal(each) is signal.SIG_DFL for each in SIGNALS)
    assert [signal.getsignal(each) for each in SIGNALS] == before


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_that_is_sent_to_the_group_as_well_counts_once(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    monkeypatch.setattr(signals, "sleep", lambda seconds: send(number))
    with stop_on_signals(lambda: asked.append(True)):
        send(number)
    assert asked == [True]


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_during_an_import_comes_after_it(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"interrupted_by_{number.name.lower()}"
    (tmp_path / f"{name}.py").write_text(
        f"import os\nos.kill(os.getpid(), {int(number)})\nwhole = True\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(KeyboardInterrupt), interrupt_on_signals():
        module = importlib.import_module(name)
        deadline_s = time.monotonic() + 5
        while time.monotonic() < deadline_s:
            pass
    assert module.whole
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0.0


def test_what_nohup_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_on_signals(lambda: pytest.fail("it was to be ignored")):
            send(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_it_is_there_once_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "stats.json"
    path.write_text("earlier")
    stats = StatsFile(path)
    assert path.read_text() == "earlier"
    stats.write({"schema": 1})
    assert json.loads(path.read_text()) == {"schema": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_a_name_that_cannot_be_written_is_refused_beforehand(tmp_path: Path) -> None:
    for wrong in (tmp_path, tmp_path / "missing" / "stats.json"):
        with pytest.raises(InputError):
            StatsFile(wrong)
    assert list(tmp_path.iterdir()) == []
