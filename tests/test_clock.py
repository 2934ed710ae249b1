from __future__ import annotations

import threading
import time

import pytest

from livebg.clock import NS_PER_S, ManualClock, MonotonicClock
from livebg.closable import Closable


def test_the_monotonic_clock_is_the_systems() -> None:
    before = time.monotonic_ns()
    now = MonotonicClock().now_ns()
    assert before <= now <= time.monotonic_ns()


def test_the_monotonic_clock_waits_until_the_event_or_the_time_out() -> None:
    clock, event = MonotonicClock(), threading.Event()
    assert not clock.wait(event, 0.001)
    event.set()
    assert clock.wait(event, 3600)


@pytest.mark.parametrize("clock", [MonotonicClock(), ManualClock()])
def test_a_time_out_in_the_past_is_over_at_once(clock: MonotonicClock | ManualClock) -> None:
    assert not clock.wait(threading.Event(), -3600)


def test_the_manual_clock_moves_only_when_told() -> None:
    clock = ManualClock(start_ns=7)
    assert (clock.now_ns(), clock.now_ns()) == (7, 7)
    clock.advance(1.5)
    assert clock.now_ns() == 7 + 1_500_000_000


def test_waiting_passes_the_manual_clocks_time() -> None:
    clock, event = ManualClock(), threading.Event()
    assert not clock.wait(event, 0.25)
    assert clock.now_ns() == NS_PER_S // 4
    assert not clock.wait(event, -1)
    event.set()
    assert clock.wait(event, 5)
    assert clock.now_ns() == NS_PER_S // 4


class Counted(Closable):
    closed = 0

    def close(self) -> None:
        self.closed += 1


def test_it_is_closed_at_the_end_of_its_block() -> None:
    with Counted() as counted:
        assert counted.closed == 0
    assert counted.closed == 1


def test_it_is_closed_after_an_error_which_goes_on() -> None:
    counted = Counted()
    with pytest.raises(ZeroDivisionError), counted:
        raise ZeroDivisionError
    assert counted.closed == 1
