from __future__ import annotations

import threading

import numpy as np
import pytest

from livebg.clock import ManualClock, MonotonicClock
from livebg.errors import ModelError, NetworkLateError
from livebg.frame import Frame, Matte
from livebg.matting.inference import AsyncInference, InferenceTimeout
from livebg.segmenters.base import Segmenter, SegmenterInfo
from tests.support.fakes import GENEROUS_S, scene
from tests.support.mattes import plain_matte

S = 1_000_000_000


def test_a_quick_network_gets_what_the_setting_says() -> None:
    patience = InferenceTimeout(0.5)
    for _ in range(9):
        patience.took(S // 50)
    assert (patience.answer_s, patience.age_s) == (0.5, 1.0)


def test_a_network_that_is_always_slow_gets_the_time_that_it_needs() -> None:
    patience = InferenceTimeout(0.5)
    for took_ns in (S, 2 * S, S):
        patience.took(took_ns)
    assert (patience.answer_s, patience.age_s) == (1.5, 3.0)


def test_one_answer_that_hung_changes_nothing() -> None:
    patience = InferenceTimeout(0.5)
    for took_ns in (S // 50, 30 * S, S // 50):
        patience.took(took_ns)
    assert patience.answer_s == 0.5


def test_there_is_an_end_to_it() -> None:
    patience = InferenceTimeout(0.5)
    patience.took(60 * S)
    assert patience.answer_s == 5.0


def test_who_wants_more_gets_it() -> None:
    patience = InferenceTimeout(0.5)
    patience.took(S)
    patience.configure(8.0)
    assert patience.answer_s == 8.0
    patience.configure(0.2)
    assert patience.answer_s == pytest.approx(1.5)


HUNG_S = 0.5


class GatedNetwork(Segmenter):
    """Looks at a frame only when the test lets it, and writes down what happens to it."""

    def __init__(self) -> None:
        self.gate = threading.Semaphore(0)
        self.begun = threading.Semaphore(0)
        self.seen: list[int] = []
        self.threads: set[str] = set()
        self.resets_before: list[int] = []
        self.closed = 0
        self.error: BaseException | None = None

    @property
    def info(self) -> SegmenterInfo:
        return SegmenterInfo("gated", "test f32", (16, 12), recurrent=True)

    def segment(self, frame: Frame) -> Matte:
        self.threads.add(threading.current_thread().name)
        self.begun.release()
        assert self.gate.acquire(timeout=GENEROUS_S)
        self.seen.append(frame.index)
        if self.error is not None:
            raise self.error
        return plain_matte(np.zeros((12, 16), np.float32), frame)

    def reset(self) -> None:
        self.resets_before.append(len(self.seen))

    def close(self) -> None:
        self.closed += 1


class Bench:
    def __init__(self) -> None:
        self.network = GatedNetwork()
        self.clock = ManualClock()
        self.inference = AsyncInference(self.network, self.clock, timeout_s=HUNG_S)

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *_: object) -> None:
        self.network.gate.release(100)
        self.inference.close()

    def ask(self, index: int) -> Frame:
        frame = Frame(scene(), index, index)
        self.inference.ask(frame)
        return frame


def test_asking_does_not_wait() -> None:
    with Bench() as bench:
        frame = bench.ask(0)
        assert bench.inference.pending is frame
        assert bench.inference.take() is None
        bench.network.gate.release()
        found = bench.inference.take(wanted=frame)
        assert found is not None
        assert found.frame is frame
        assert bench.inference.pending is None
        assert bench.network.threads == {"livebg-inference"}


def test_an_answer_is_taken_once() -> None:
    with Bench() as bench:
        bench.network.gate.release()
        assert bench.inference.take(wanted=bench.ask(0)) is not None
        assert bench.inference.take() is None


def test_frames_are_seen_in_their_order_and_the_newest_wins() -> None:
    with Bench() as bench:
        bench.ask(0)
        assert bench.network.begun.acquire(timeout=GENEROUS_S)
        bench.ask(1)
        last = bench.ask(2)
        bench.network.gate.release(2)
        assert bench.inference.take(wanted=last) is not None
        assert bench.network.seen == [0, 2]


def test_what_the_network_raises_is_raised_where_the_answer_is_taken() -> None:
    with Bench() as bench:
        bench.network.error = ModelError("values that are not numbers")
        bench.network.gate.release()
        with pytest.raises(ModelError, match="not numbers"):
            bench.inference.take(wanted=bench.ask(0))
        assert bench.inference.pending is None
        bench.network.error = None
        bench.network.gate.release()
        assert bench.inference.take(wanted=bench.ask(1)) is not None


def test_a_network_is_late_when_its_time_is_over() -> None:
    with Bench() as bench:
        bench.ask(0)
        bench.clock.advance(HUNG_S)
        assert not bench.inference.late
        bench.clock.advance(0.001)
        assert bench.inference.late
        assert bench.inference.take() is None
        bench.inference.reset()
        assert not bench.inference.late


def test_who_waits_for_a_late_network_is_told_what_to_choose_and_may_wait_again() -> None:
    network = GatedNetwork()
    inference = AsyncInference(network, MonotonicClock(), timeout_s=0.01)
    frame = Frame(scene(), 0, 0)
    inference.ask(frame)
    for _ in range(2):
        with pytest.raises(NetworkLateError, match=r"not answered for 0\.01 s.* than 16x12"):
            inference.take(wanted=frame)
    network.gate.release()
    inference.timeout_s = GENEROUS_S
    found = inference.take(wanted=frame)
    assert found is not None
    assert found.frame is frame
    inference.close()


def test_reset_drops_what_is_still_to_come_and_resets_the_network_in_its_own_thread() -> None:
    with Bench() as bench:
        bench.ask(0)
        assert bench.network.begun.acquire(timeout=GENEROUS_S)
        bench.inference.reset()
        assert bench.inference.pending is None
        frame = bench.ask(1)
        bench.network.gate.release(2)
        found = bench.inference.take(wanted=frame)
        assert found is not None
        assert found.frame is frame
        assert bench.network.resets_before == [1]


def test_closing_waits_for_the_network_and_may_be_repeated() -> None:
    bench = Bench()
    bench.network.gate.release()
    bench.ask(0)
    bench.inference.close()
    bench.inference.close()
    assert bench.network.closed == 2
    with pytest.raises(ModelError, match="closed"):
        bench.ask(1)
