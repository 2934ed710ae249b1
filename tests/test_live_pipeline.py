"""The pipeline with the network in a thread of its own."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from livebg.clock import Clock, ManualClock
from livebg.config.settings import Settings
from livebg.errors import ModelError
from livebg.frame import Composite, Frame, FramePyramid, Matte, Size
from livebg.pipeline import Pipeline
from tests.support.fakes import GENEROUS_S, ExactSegmenter, processed
from tests.support.scenes import SyntheticScene

SIZE: Size = (320, 180)
COUNT = 24


class GatedSegmenter(ExactSegmenter):
    """Segments a frame once the test lets it."""

    def __init__(self, scene: SyntheticScene) -> None:
        super().__init__(scene)
        self.open = threading.Event()
        self.open.set()
        self.answered = threading.Semaphore(0)

    def segment(self, pyramid: FramePyramid) -> Matte:
        assert self.open.wait(GENEROUS_S)
        try:
            return super().segment(pyramid)
        finally:
            self.answered.release()


class Bench:
    def __init__(self, clock: Clock | None = None, **settings: Any) -> None:
        self.scene = SyntheticScene(SIZE, frame_count=COUNT, motion=0.5)
        self.frames = list(SyntheticScene(SIZE, frame_count=COUNT, motion=0.5))
        self.segmenter = GatedSegmenter(self.scene)
        self.settings = Settings(
            **{"background": "white", "every": 1, "max_matte_age_s": 10.0, **settings}
        )
        self.pipeline = Pipeline(
            self.settings, SIZE, segmenter=self.segmenter, live=True, clock=clock
        )

    def process(self, index: int) -> Composite:
        """Process a frame again and again until the network is not late with it."""
        composite = None
        while composite is None:
            composite = self.pipeline.process(self.frames[index], want_alpha=True)
        assert composite.index == index
        return composite

    def wait_for_answer(self) -> None:
        assert self.segmenter.answered.acquire(timeout=GENEROUS_S)

    def error(self, composite: Composite) -> float:
        assert composite.alpha is not None
        truth = self.scene.truth(composite.index).astype(np.int16)
        return float(np.abs(composite.alpha - truth).mean())

    @property
    def reasons(self) -> dict[str, int]:
        reasons: dict[str, int] = self.pipeline.statistics["reasons"]
        return reasons


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.segmenter.open.set()
    made.pipeline.close()


def test_the_first_frame_waits_for_its_own_matte(bench: Bench) -> None:
    bench.process(0)
    assert bench.segmenter.seen == [0]


def test_no_later_frame_waits(bench: Bench) -> None:
    bench.process(0)
    bench.wait_for_answer()
    bench.segmenter.open.clear()
    composites = [bench.process(index) for index in range(1, 6)]
    assert bench.reasons == {"first": 1, "every": 1, "busy": 4}
    assert bench.pipeline.statistics["inferred"] == 2
    # The matte of frame 0 was moved along: 3 % of 255 levels, where a stale one is far off.
    assert max(bench.error(composite) for composite in composites) < 8


def test_a_late_answer_is_carried_from_its_own_frame(bench: Bench) -> None:
    bench.process(0)
    bench.wait_for_answer()
    bench.segmenter.open.clear()
    for index in range(1, 4):
        bench.process(index)
    bench.segmenter.open.set()
    bench.wait_for_answer()
    while bench.pipeline.statistics["stages_ms"]["segment"]["count"] < 2:
        composite = bench.process(4)
    assert bench.segmenter.seen[:2] == [0, 1]
    assert bench.error(composite) < 8


def test_a_cut_waits_for_its_own_matte(bench: Bench) -> None:
    bench.process(0)
    bench.wait_for_answer()
    inverted = replace(bench.frames[9], image=255 - bench.frames[9].image)
    composite = processed(bench.pipeline, inverted, want_alpha=True)
    assert bench.reasons == {"first": 1, "cut": 1}
    assert bench.segmenter.seen == [0, 9]
    assert bench.error(composite) < 8


def test_a_cut_does_not_take_the_answer_about_an_earlier_frame(bench: Bench) -> None:
    bench.process(0)
    bench.wait_for_answer()
    bench.segmenter.open.clear()
    bench.process(1)
    threading.Timer(0.05, bench.segmenter.open.set).start()
    inverted = replace(bench.frames[9], image=255 - bench.frames[9].image)
    composite = processed(bench.pipeline, inverted, want_alpha=True)
    assert bench.segmenter.seen == [0, 1, 9]
    assert bench.error(composite) < 8


def lit(frame: Frame, share: float) -> Frame:
    """Return ``frame`` with its left ``share`` turned into its negative."""
    image = frame.image.copy()
    columns = round(share * image.shape[1])
    image[:, :columns] = 255 - image[:, :columns]
    return replace(frame, image=image)


def test_what_is_too_far_from_the_last_matte_is_carried_from_the_one_that_is_due(
    bench: Bench,
) -> None:
    # A tenth of the frame that looks wrong is no cut yet, a fifth is one.
    first, pending, frame = (
        lit(replace(bench.frames[0], index=index), share)
        for index, share in enumerate((0.0, 0.1, 0.2))
    )
    bench.pipeline.process(first)
    bench.wait_for_answer()
    bench.segmenter.open.clear()
    bench.pipeline.process(pending)
    assert bench.reasons == {"first": 1, "every": 1}
    threading.Timer(0.05, bench.segmenter.open.set).start()
    bench.pipeline.process(frame)
    assert bench.reasons == {"first": 1, "every": 2}


def test_a_failure_is_raised_and_everything_before_it_forgotten(bench: Bench) -> None:
    bench.process(0)
    bench.segmenter.error = ModelError("values that are not numbers")
    with pytest.raises(ModelError, match="not numbers"):
        for index in range(1, COUNT):
            bench.process(index)
            bench.wait_for_answer()
    bench.process(5)
    assert bench.reasons["first"] == 2
    assert bench.segmenter.resets == 1


@pytest.fixture
def impatient() -> Iterator[Bench]:
    """A bench whose mattes are too old after a twentieth of a second: a frame and a half."""
    made = Bench(max_matte_age_s=0.05)
    yield made
    made.segmenter.open.set()
    made.pipeline.close()


def process_late(bench: Bench, index: int) -> Composite:
    """Process a frame until the network, which waits for the test to be late, has answered."""
    while bench.pipeline.process(bench.frames[index]) is not None:
        pass
    bench.segmenter.open.set()
    return bench.process(index)


def test_a_late_first_answer_is_shown_with_its_own_frame(impatient: Bench) -> None:
    impatient.segmenter.open.clear()
    composite = process_late(impatient, 0)
    assert impatient.segmenter.seen == [0]
    assert impatient.error(composite) < 8
    assert impatient.pipeline.statistics["frames"] == 1


def test_a_late_answer_is_carried_to_a_frame_of_its_time(impatient: Bench) -> None:
    impatient.process(0)
    impatient.wait_for_answer()
    impatient.segmenter.open.clear()
    impatient.process(1)
    composite = process_late(impatient, 2)
    assert impatient.segmenter.seen[:2] == [0, 1]
    assert impatient.error(composite) < 8


def test_a_matte_is_not_carried_to_a_frame_of_another_time(impatient: Bench) -> None:
    impatient.process(0)
    impatient.wait_for_answer()
    alike = replace(
        impatient.frames[0], index=9, captured_ns=impatient.frames[0].captured_ns + 100_000_001
    )
    impatient.segmenter.open.clear()
    assert impatient.pipeline.process(alike) is None
    assert impatient.reasons == {"first": 1, "cut": 1}


def test_a_network_that_is_always_slow_is_followed_by_flow() -> None:
    clock = ManualClock()
    bench = Bench(clock, max_matte_age_s=0.05)
    found = bench.segmenter.segment

    def segment(pyramid: FramePyramid) -> Matte:
        clock.advance(1.0)
        return found(pyramid)

    bench.segmenter.segment = segment  # type: ignore[method-assign]
    with bench.pipeline:
        bench.process(0)
        bench.segmenter.open.clear()
        # As long after it as the next matte may take to come.
        later = replace(bench.frames[1], captured_ns=bench.frames[0].captured_ns + 2 * 10**9)
        assert bench.error(processed(bench.pipeline, later, want_alpha=True)) < 8
        bench.segmenter.open.set()


def test_offline_a_matte_may_be_carried_for_any_time() -> None:
    scene = SyntheticScene(SIZE, frame_count=COUNT)
    settings = Settings(background="white", every=2, max_matte_age_s=0.05)
    with Pipeline(settings, SIZE, segmenter=ExactSegmenter(scene)) as pipeline:
        for index, frame in enumerate(list(scene)[:2]):
            pipeline.process(replace(frame, captured_ns=index * 10**9))
        assert pipeline.statistics["reasons"] == {"first": 1, "carried": 1}


def test_aligned_frames_have_their_own_inference() -> None:
    bench = Bench(latency="aligned")
    with bench.pipeline:
        for index in range(5):
            bench.process(index)
    assert bench.segmenter.seen == [0, 1, 2, 3, 4]
    assert bench.pipeline.statistics["latency"] == "aligned"


def test_what_was_counted_can_be_cleared(bench: Bench) -> None:
    bench.process(0)
    bench.pipeline.reset()
    bench.pipeline.clear_statistics()
    statistics = bench.pipeline.statistics
    assert (statistics["frames"], statistics["inferred"]) == (0, 0)
    assert statistics["reasons"] == statistics["stage_ms"] == statistics["stages_ms"] == {}
    bench.process(1)
    assert bench.reasons == {"first": 1}
