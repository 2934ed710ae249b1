import threading
from collections.abc import Callable

import numpy as np
import pytest

from livebg.errors import SinkError, SinkUnavailableError
from livebg.frame import Composite
from livebg.live.sink_runner import SinkRunner
from livebg.sinks.base import CardPolicy, Sink
from tests.support.fakes import SIZE, KeepingSink
from tests.support.live_bench import LiveBench


class RunnerBench(LiveBench):
    """A sink runner; ``deliver`` gives it one composite and lets it send that."""

    def __init__(
        self,
        *,
        cards: CardPolicy = "always",
        retry: bool = False,
        readers: bool | None = None,
        open: Callable[[], Sink] | None = None,
    ) -> None:
        super().__init__()
        self.sink = KeepingSink()
        self.sink.readers = readers

        def open_sink() -> Sink:
            sink = self.sink if open is None else open()
            sink.card_policy, sink.reopened = cards, retry
            return sink

        self.runner = SinkRunner(
            None, open_sink, self.guard, self.statistics, self.clock, self.reports.append
        )

    def put(self, index: int = 0) -> None:
        image = np.full((SIZE[1], SIZE[0], 3), index, np.uint8)
        self.runner.put(Composite(image, index, self.clock.now_ns()))

    def deliver(self, index: int = 0) -> None:
        self.put(index)
        assert self.runner.step(0.0)

    def step(self, count: int = 1, *, every_s: float = 0.0) -> None:
        for _ in range(count):
            self.clock.advance(every_s)
            self.runner.step(0.0)

    @property
    def sent(self) -> list[int | str]:
        """What the sink got: the index of each composite, or ``card``."""
        return ["card" if each.private else each.index for each in self.sink.pictures]


@pytest.fixture
def bench() -> RunnerBench:
    return RunnerBench()


def test_a_slow_sink_gets_the_newest(bench: RunnerBench) -> None:
    for index in range(4):
        bench.put(index)
    bench.step()
    assert bench.sent == [3]
    assert bench.runner.dropped == 3


def test_the_card_comes_first_and_when_nothing_new_does(bench: RunnerBench) -> None:
    bench.step()
    assert bench.sent == ["card"]
    bench.deliver(1)
    bench.step(every_s=0.4)
    assert bench.sent == ["card", 1]
    bench.step(every_s=0.2)
    assert bench.sent == ["card", 1, "card"]


def test_a_composite_that_waited_too_long_is_not_shown(bench: RunnerBench) -> None:
    bench.put()
    bench.step(every_s=0.6)
    assert bench.sent == ["card"]


@pytest.mark.parametrize("readers", [None, False])
def test_concealing_replaces_the_picture_at_once(readers: bool | None) -> None:
    bench = RunnerBench(readers=readers)
    bench.deliver(1)
    bench.deliver(2)
    bench.guard.conceal("camera", "The camera is lost")
    bench.step()
    assert bench.sent == [1, 2, "card"]


@pytest.mark.parametrize(("cards", "sent"), [("always", 4), ("between", 1)])
def test_a_picture_that_stays_for_seconds_is_repeated_where_somebody_looks_at_it(
    cards: CardPolicy, sent: int
) -> None:
    bench = RunnerBench(cards=cards)
    bench.guard.configure(max_age_s=10, channels=3, raw_allowed=False)
    bench.deliver(5)
    bench.step(31, every_s=0.1)
    assert bench.sent == [5] * sent
    assert bench.summary()["latency_ms"]["count"] == 1


@pytest.mark.parametrize(("readers", "cards"), [(True, 20), (None, 20), (False, 2)])
def test_a_sink_without_readers_gets_one_card_a_second_and_others_ten(
    readers: bool | None, cards: int
) -> None:
    bench = RunnerBench(readers=readers)
    bench.guard.conceal("camera", "The camera is lost")
    bench.step(100, every_s=0.02)
    assert bench.sent == ["card"] * cards
    bench.sink.readers = True
    bench.step(every_s=0.1)
    assert bench.sent == ["card"] * (cards + 1)


@pytest.mark.parametrize(("readers", "after"), [(None, None), (False, False), (True, False)])
def test_nobody_watches_a_sink_that_is_broken(readers: bool | None, after: bool | None) -> None:
    bench = RunnerBench(retry=True, readers=readers)
    bench.step()
    assert bench.runner.has_readers is readers
    bench.sink.fail = True
    bench.deliver()
    assert bench.runner.has_readers is after


@pytest.mark.parametrize(("policy", "sent"), [("between", [1, "card", 2]), ("never", [1, 2])])
def test_a_recording_has_cards_between_frames_only_and_mattes_have_none(
    policy: CardPolicy, sent: list[int | str]
) -> None:
    bench = RunnerBench(cards=policy)
    bench.step()
    bench.deliver(1)
    bench.step(every_s=0.6)
    bench.deliver(2)
    bench.runner.end()
    bench.runner.close()
    assert bench.sent == sent


def test_what_was_put_before_the_end_is_still_sent_and_the_card_comes_last(
    bench: RunnerBench,
) -> None:
    bench.put(9)
    bench.runner.end()
    bench.runner.run(threading.Event(), 0.0)
    assert not bench.runner.step(0.0)
    bench.runner.close()
    assert bench.sent == [9, "card"]
    assert bench.sink.closed


def test_a_recording_that_got_nothing_is_aborted() -> None:
    bench = RunnerBench(cards="between")
    bench.runner.close()
    assert bench.sink.aborted
    assert bench.sent == []


def test_a_sink_that_fails_is_given_up(bench: RunnerBench) -> None:
    bench.sink.fail = True
    bench.deliver()
    assert isinstance(bench.runner.error, SinkError)
    assert not bench.runner.step(0.0)
    assert bench.sink.closed


def test_a_defect_in_a_sink_is_an_error_of_that_sink() -> None:
    class Defective(KeepingSink):
        def send(self, composite: Composite) -> None:
            raise ZeroDivisionError("defect")

    bench = RunnerBench(open=Defective)
    bench.deliver()
    assert str(bench.runner.error) == "keeper failed: ZeroDivisionError('defect')"


def test_what_cannot_be_finished_is_an_error() -> None:
    class Unfinished(KeepingSink):
        def close(self) -> None:
            raise SinkError("the disk is full")

    bench = RunnerBench(open=Unfinished)
    bench.runner.close()
    assert str(bench.runner.error) == "the disk is full"


def test_a_sink_that_fails_is_opened_again_until_that_works() -> None:
    opened: list[KeepingSink] = []
    failures = [SinkUnavailableError("the virtual camera is not there")] * 2

    def open_sink() -> Sink:
        if opened and failures:
            raise failures.pop()
        opened.append(KeepingSink())
        return opened[-1]

    bench = RunnerBench(open=open_sink, retry=True)
    opened[0].fail = True
    bench.deliver(1)
    bench.deliver(2)
    for index, wait_s in enumerate((0.5, 1.0, 2.0), 3):
        assert len(opened) == 1
        bench.clock.advance(wait_s)
        bench.deliver(index)
    assert [picture.index for picture in opened[1].filtered] == [5]
    assert len(bench.reports) == 1
    assert bench.runner.error is None


def test_latency_is_counted_from_the_capture(bench: RunnerBench) -> None:
    bench.put()
    bench.step(every_s=0.02)
    assert bench.statistics.snapshot(0).latency_p50_ms == pytest.approx(20)
