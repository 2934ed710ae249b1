import threading
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from livebg.clock import ManualClock
from livebg.errors import LivebgError, SinkError, SinkUnavailableError
from livebg.frame import Composite
from livebg.live.privacy import PrivacyGuard
from livebg.live.sink_runner import SinkRunner
from livebg.live.statistics import Statistics
from livebg.sinks.base import CardPolicy, Sink
from tests.support.fakes import SIZE, KeepingSink


class Bench:
    """An runner with a manual clock and everything that it needs."""

    def __init__(
        self,
        *,
        cards: CardPolicy = "always",
        retry: bool = False,
        open: Callable[[], Sink] | None = None,
    ) -> None:
        self.clock = ManualClock(start_ns=10**9)
        self.guard = PrivacyGuard(SIZE, max_age_s=0.5, clock=self.clock)
        self.statistics = Statistics(self.clock)
        self.sink = KeepingSink()
        self.reports: list[LivebgError] = []

        def open_sink() -> Sink:
            sink = self.sink if open is None else open()
            sink.card_policy, sink.reopened = cards, retry
            return sink

        self.runner = SinkRunner(
            None,
            open_sink,
            self.guard,
            self.statistics,
            self.clock,
            self.reports.append,
        )

    def composite(self, index: int = 0) -> Composite:
        image = np.full((SIZE[1], SIZE[0], 3), index, np.uint8)
        return Composite(image, index, self.clock.now_ns())

    def deliver(self, index: int = 0) -> None:
        self.runner.put(self.composite(index))
        assert self.runner.step(0.0)


def test_what_was_put_is_sent() -> None:
    bench = Bench()
    bench.deliver(5)
    assert [picture.index for picture in bench.sink.pictures] == [5]


def test_a_slow_sink_gets_the_newest() -> None:
    bench = Bench()
    for index in range(4):
        bench.runner.put(bench.composite(index))
    bench.runner.step(0.0)
    assert [picture.index for picture in bench.sink.pictures] == [3]
    assert bench.runner.dropped == 3


def test_the_card_comes_before_the_first_composite() -> None:
    bench = Bench()
    bench.runner.step(0.0)
    assert [picture.private for picture in bench.sink.pictures] == [True]


def test_nothing_is_repeated_while_the_last_picture_is_fresh() -> None:
    bench = Bench()
    bench.deliver()
    bench.clock.advance(0.4)
    bench.runner.step(0.0)
    assert len(bench.sink.pictures) == 1


@pytest.mark.parametrize(("cards", "sent"), [("always", 4), ("between", 1)])
def test_a_picture_that_stays_for_seconds_is_repeated_where_somebody_looks_at_it(
    cards: CardPolicy, sent: int
) -> None:
    bench = Bench(cards=cards)
    bench.guard.configure(max_age_s=10, channels=3, raw_allowed=False)
    bench.deliver(5)
    for _ in range(31):
        bench.clock.advance(0.1)
        bench.runner.step(0.0)
    assert [picture.index for picture in bench.sink.pictures] == [5] * sent
    summary = bench.statistics.summary(ended="stopped")
    assert summary["latency_ms"]["count"] == 1


def test_the_card_comes_when_nothing_new_does() -> None:
    bench = Bench()
    bench.deliver()
    bench.clock.advance(0.6)
    bench.runner.step(0.0)
    assert [picture.private for picture in bench.sink.pictures] == [False, True]


def test_a_composite_that_waited_too_long_is_not_shown() -> None:
    bench = Bench()
    bench.runner.put(bench.composite())
    bench.clock.advance(0.6)
    bench.runner.step(0.0)
    assert [picture.private for picture in bench.sink.pictures] == [True]


def test_concealing_replaces_the_picture_at_once() -> None:
    bench = Bench()
    bench.deliver()
    bench.guard.conceal("camera", "The camera is lost")
    bench.runner.step(0.0)
    assert [picture.private for picture in bench.sink.pictures] == [False, True]


def test_a_sink_that_nobody_watches_gets_a_card_a_second() -> None:
    bench = Bench()
    bench.sink.readers = False
    bench.guard.conceal("camera", "Waiting")
    for _ in range(30):
        bench.runner.step(0.0)
        bench.clock.advance(0.1)
    assert len(bench.sink.cards) == 3
    bench.sink.readers = True
    for _ in range(5):
        bench.runner.step(0.0)
        bench.clock.advance(0.1)
    assert len(bench.sink.cards) == 8


@pytest.mark.parametrize("readers", [True, None])
def test_a_sink_that_somebody_may_watch_gets_ten_cards_a_second(readers: bool | None) -> None:
    bench = Bench()
    bench.sink.readers = readers
    bench.guard.conceal("camera", "The camera is lost")
    for _ in range(100):
        bench.runner.step(0.0)
        bench.clock.advance(0.02)
    assert len(bench.sink.cards) == 20


def test_the_first_card_comes_at_once_also_where_nobody_watches() -> None:
    bench = Bench()
    bench.sink.readers = False
    bench.deliver()
    bench.guard.conceal("camera", "Waiting")
    bench.runner.step(0.0)
    assert [picture.private for picture in bench.sink.pictures] == [False, True]


def test_a_composite_is_sent_also_where_nobody_watches() -> None:
    bench = Bench()
    bench.sink.readers = False
    for index in range(3):
        bench.deliver(index)
    assert len(bench.sink.filtered) == 3


@pytest.mark.parametrize(("readers", "after"), [(None, None), (False, False), (True, False)])
def test_nobody_watches_a_sink_that_is_broken(readers: bool | None, after: bool | None) -> None:
    bench = Bench(retry=True)
    bench.sink.readers = readers
    bench.runner.step(0.0)
    assert bench.runner.has_readers is readers
    bench.sink.fail = True
    bench.deliver()
    assert bench.runner.has_readers is after


def test_a_recording_has_cards_between_frames_only() -> None:
    bench = Bench(cards="between")
    bench.runner.step(0.0)
    bench.deliver(1)
    bench.clock.advance(0.6)
    bench.runner.step(0.0)
    bench.deliver(2)
    bench.runner.end()
    bench.runner.close()
    assert [picture.private for picture in bench.sink.pictures] == [False, True, False]


def test_mattes_have_no_cards() -> None:
    bench = Bench(cards="never")
    bench.deliver(1)
    bench.clock.advance(0.6)
    bench.runner.step(0.0)
    assert not bench.sink.cards


def test_the_card_is_the_last_picture() -> None:
    bench = Bench()
    bench.deliver()
    bench.runner.end()
    assert not bench.runner.step(0.0)
    bench.runner.close()
    assert bench.sink.pictures[-1].private
    assert bench.sink.closed


def test_what_was_put_before_the_end_is_still_sent() -> None:
    bench = Bench()
    bench.runner.put(bench.composite(9))
    bench.runner.end()
    bench.runner.run(threading.Event(), 0.0)
    assert [picture.index for picture in bench.sink.filtered] == [9]
    assert bench.sink.closed


def test_aborting_leaves_nothing_behind() -> None:
    bench = Bench()
    bench.runner.abort()
    assert bench.sink.aborted
    assert not bench.sink.pictures


def test_a_recording_that_got_nothing_is_aborted() -> None:
    bench = Bench(cards="between")
    bench.runner.end()
    bench.runner.close()
    assert bench.sink.aborted


def test_a_sink_that_fails_is_given_up() -> None:
    bench = Bench()
    bench.sink.fail = True
    bench.deliver()
    assert isinstance(bench.runner.error, SinkError)
    assert not bench.runner.step(0.0)
    assert bench.sink.closed


def test_a_defect_in_a_sink_is_an_error_of_that_sink() -> None:
    class Defective(KeepingSink):
        def send(self, composite: Composite) -> None:
            raise ZeroDivisionError("defect")

    bench = Bench(open=Defective)
    bench.deliver()
    assert str(bench.runner.error) == "keeper failed: ZeroDivisionError('defect')"


def test_a_sink_that_fails_is_opened_again_after_a_while() -> None:
    opened: list[KeepingSink] = []

    def open_sink() -> Sink:
        opened.append(KeepingSink())
        return opened[-1]

    bench = Bench(open=open_sink, retry=True)
    opened[0].fail = True
    bench.deliver(1)
    assert len(bench.reports) == 1
    bench.deliver(2)
    assert len(opened) == 1
    bench.clock.advance(0.5)
    bench.deliver(3)
    assert [picture.index for picture in opened[1].filtered] == [3]
    assert bench.runner.error is None


def test_reopening_goes_on_until_it_works() -> None:
    tries = 0
    sink = KeepingSink()

    def open_sink() -> Sink:
        nonlocal tries
        tries += 1
        if tries in (2, 3):
            raise SinkUnavailableError("the virtual camera is not there")
        return sink

    bench = Bench(open=open_sink, retry=True)
    sink.fail = True
    bench.deliver()
    sink.fail = sink.closed = False
    for wait_s in (0.5, 1.0, 2.0):
        bench.clock.advance(wait_s)
        bench.deliver()
    assert tries == 4
    assert len(sink.filtered) == 1
    assert len(bench.reports) == 1


def test_what_cannot_be_finished_is_an_error() -> None:
    class Unfinished(KeepingSink):
        def close(self) -> None:
            raise SinkError("the disk is full")

    bench = Bench(open=Unfinished)
    bench.runner.close()
    assert str(bench.runner.error) == "the disk is full"


@pytest.mark.parametrize("times", [1, 2])
def test_closing_is_idempotent(times: int) -> None:
    bench = Bench()
    for _ in range(times):
        bench.runner.close()
    assert len(bench.sink.cards) == 1


def test_latency_is_counted_from_the_capture() -> None:
    bench = Bench()
    composite = replace(bench.composite(), captured_ns=bench.clock.now_ns() - 20_000_000)
    bench.runner.put(composite)
    bench.runner.step(0.0)
    assert bench.statistics.snapshot(0).latency_p50_ms == pytest.approx(20)
