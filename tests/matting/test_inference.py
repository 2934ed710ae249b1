from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from livebg.clock import NS_PER_S, ManualClock, MonotonicClock
from livebg.errors import ModelError
from livebg.frame import Frame, FramePyramid, Matte
from livebg.matting.inference import Inference, InferenceTimeout
from livebg.segmenters.base import Segmenter, SegmenterInfo
from tests.support.fakes import GENEROUS_S, scene
from tests.support.mattes import plain_matte

TIMEOUT_S = 0.5


@pytest.mark.parametrize(
    ("durations_s", "inference_s"),
    [
        ([], 0.5),
        ([0.02] * 9, 0.5),
        ([1, 2, 1], 1.5),  # always slow: 1.5 times the median
        ([0.02, 30, 0.02], 0.5),  # one that hung
        ([60], 5.0),  # the most that there is
    ],
)
def test_an_inference_may_take_half_as_long_again_as_usual(
    durations_s: Sequence[float], inference_s: float
) -> None:
    timeout = InferenceTimeout(TIMEOUT_S)
    for duration_s in durations_s:
        timeout.record(round(duration_s * NS_PER_S))
    assert (timeout.inference_s, timeout.matte_age_s) == (inference_s, 2 * inference_s)


def test_the_setting_counts_where_it_allows_more() -> None:
    timeout = InferenceTimeout(0.5)
    timeout.record(NS_PER_S)
    timeout.max_age_s = 8.0
    assert timeout.inference_s == 8.0
    timeout.max_age_s = 0.2
    assert timeout.inference_s == pytest.approx(1.5)


class GatedNetwork(Segmenter):
    """Segments a frame once ``gate`` is released, and records what happens to it."""

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

    def segment(self, pyramid: FramePyramid) -> Matte:
        self.threads.add(threading.current_thread().name)
        self.begun.release()
        assert self.gate.acquire(timeout=GENEROUS_S)
        self.seen.append(pyramid.frame.index)
        if self.error is not None:
            raise self.error
        return plain_matte(np.zeros((12, 16), np.float32), pyramid.frame)

    def reset(self) -> None:
        self.resets_before.append(len(self.seen))

    def close(self) -> None:
        self.closed += 1


class Bench:
    def __init__(self, *, threaded: bool = True) -> None:
        self.network = GatedNetwork()
        self.clock = ManualClock()
        self.inference = Inference(
            self.network, self.clock, InferenceTimeout(TIMEOUT_S), threaded=threaded
        )

    def request(self, index: int) -> FramePyramid:
        pyramid = FramePyramid(Frame(scene(), index, index))
        self.inference.request(pyramid)
        return pyramid

    def matte_index(self, pyramid: FramePyramid) -> int:
        """Wait for the matte of a frame; return the index of the frame that it belongs to."""
        result = self.inference.take(wait_for=pyramid)
        assert result is not None
        assert result.pyramid is pyramid
        return result.matte.frame_index


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.network.gate.release(100)
    made.inference.close()


def test_a_request_does_not_wait(bench: Bench) -> None:
    pyramid = bench.request(0)
    assert bench.inference.pending is pyramid
    assert bench.inference.take() is None
    bench.network.gate.release()
    assert bench.matte_index(pyramid) == 0
    assert bench.inference.pending is None
    assert bench.network.threads == {"livebg-inference"}


def test_unless_threaded_the_network_runs_in_the_callers_thread() -> None:
    bench = Bench(threaded=False)
    bench.network.gate.release(2)
    assert bench.matte_index(bench.request(0)) == 0
    assert bench.network.threads == {threading.current_thread().name}
    bench.inference.reset()
    assert bench.matte_index(bench.request(1)) == 1
    assert bench.network.resets_before == [1]
    bench.inference.close()


def test_a_result_is_taken_once(bench: Bench) -> None:
    bench.network.gate.release()
    assert bench.matte_index(bench.request(0)) == 0
    assert bench.inference.take() is None


def test_frames_are_seen_in_order_and_the_newest_wins(bench: Bench) -> None:
    bench.request(0)
    assert bench.network.begun.acquire(timeout=GENEROUS_S)
    bench.request(1)
    last = bench.request(2)
    bench.network.gate.release(2)
    assert bench.matte_index(last) == 2
    assert bench.network.seen == [0, 2]


@pytest.mark.parametrize("threaded", [True, False])
def test_an_error_of_the_network_is_raised_where_the_result_is_taken(threaded: bool) -> None:
    bench = Bench(threaded=threaded)
    bench.network.error = ModelError("values that are not numbers")
    bench.network.gate.release()
    with pytest.raises(ModelError, match="not numbers"):
        bench.matte_index(bench.request(0))
    assert bench.inference.pending is None
    bench.network.error = None
    bench.network.gate.release()
    assert bench.matte_index(bench.request(1)) == 1
    bench.inference.close()


def test_a_network_is_late_when_its_time_is_over(bench: Bench) -> None:
    bench.request(0)
    bench.clock.advance(TIMEOUT_S)
    assert not bench.inference.late
    bench.clock.advance(0.001)
    assert bench.inference.late
    assert bench.inference.take() is None
    bench.inference.reset()
    assert not bench.inference.late


def test_a_late_result_may_be_waited_for_again() -> None:
    network, timeout = GatedNetwork(), InferenceTimeout(0.01)
    inference = Inference(network, MonotonicClock(), timeout, threaded=True)
    pyramid = FramePyramid(Frame(scene(), 0, 0))
    inference.request(pyramid)
    for _ in range(2):
        assert inference.take(wait_for=pyramid) is None
        assert inference.late
    assert "not answered for 0.01 s" in inference.late_notice
    assert "a --matte-size smaller than 16x12" in inference.late_notice
    network.gate.release()
    timeout.max_age_s = GENEROUS_S
    result = inference.take(wait_for=pyramid)
    assert result is not None
    assert result.pyramid is pyramid
    inference.close()


def test_a_reset_drops_what_is_pending_and_resets_the_network_before_its_next_frame(
    bench: Bench,
) -> None:
    bench.request(0)
    assert bench.network.begun.acquire(timeout=GENEROUS_S)
    bench.inference.reset()
    assert bench.inference.pending is None
    pyramid = bench.request(1)
    bench.network.gate.release(2)
    assert bench.matte_index(pyramid) == 1
    assert bench.network.resets_before == [1]


def test_closing_waits_for_the_network_and_may_be_repeated() -> None:
    bench = Bench()
    bench.network.gate.release()
    bench.request(0)
    bench.inference.close()
    bench.inference.close()
    assert bench.network.closed == 2
    with pytest.raises(ModelError, match="closed"):
        bench.request(1)
