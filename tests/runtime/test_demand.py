import pytest

from livebg.clock import ManualClock
from livebg.runtime.demand import Demand


class Bench:
    def __init__(self, *answers: bool | None) -> None:
        self.answers = list(answers)
        self.clock = ManualClock()
        self.demand = Demand(lambda: self.answers, self.clock, linger_s=2.0)

    def after(self, seconds: float) -> bool:
        self.clock.advance(seconds)
        return self.demand.wanted()


def test_nobody_has_come_yet() -> None:
    assert not Bench(False).demand.wanted()


def test_a_reader_is_served_at_once_and_for_a_while_after_it_left() -> None:
    bench = Bench(False)
    assert not bench.after(60.0)
    bench.answers = [True]
    assert bench.after(0.0)
    assert bench.after(60.0)
    bench.answers = [False]
    assert bench.after(1.9)
    assert not bench.after(0.1)


def test_a_reader_that_comes_back_starts_the_wait_again() -> None:
    bench = Bench(True)
    assert bench.after(0.0)
    bench.answers = [False]
    assert bench.after(1.5)
    bench.answers = [True]
    assert bench.after(0.1)
    bench.answers = [False]
    assert bench.after(1.9)


@pytest.mark.parametrize("answers", [(True, False), (None, True), (False, None, True)])
def test_one_reader_of_any_sink_is_enough(answers: tuple[bool | None, ...]) -> None:
    assert Bench(*answers).demand.wanted()


def test_sinks_that_cannot_tell_have_no_say() -> None:
    assert not Bench(None, False).demand.wanted()


@pytest.mark.parametrize("answers", [(), (None,), (None, None)])
def test_where_none_can_tell_the_camera_is_wanted(answers: tuple[bool | None, ...]) -> None:
    assert Bench(*answers).demand.wanted()
