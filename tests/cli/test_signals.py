import importlib
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from livebg.cli import signals
from livebg.cli.signals import interrupt_on_signals, stop_on_signals

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")

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
def test_before_the_session_a_signal_interrupts(number: signal.Signals) -> None:
    before = [signal.getsignal(each) for each in SIGNALS]
    with pytest.raises(KeyboardInterrupt), interrupt_on_signals():
        send(number)
    assert [signal.getsignal(each) for each in SIGNALS] == before


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
