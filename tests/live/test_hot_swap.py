from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest

from livebg.compositing.backgrounds import GreyPlate, Plate
from livebg.config.background import Background
from livebg.config.settings import Settings
from livebg.errors import InputError, ModelError
from livebg.frame import BGR, Composite, Frame, PixelFormat, Size
from livebg.live.hot_swap import HotSwap
from tests.support.fakes import GENEROUS_S, SIZE, FakePipeline, scene
from tests.support.live_bench import LiveBench

OTHER = replace(Settings(), model="deeplabv3_resnet50")


class Gated(FakePipeline):
    """A pipeline that is closed when the test lets it, and late with its first frames."""

    def __init__(self, settings: Settings, late: int = 0) -> None:
        super().__init__()
        self.settings = settings
        self.processed: list[int] = []
        self.late = late
        self.may_close = threading.Event()
        self.may_close.set()

    def process(
        self, frame: Frame, *, want_alpha: bool = False, pixel_format: PixelFormat = BGR
    ) -> Composite | None:
        self.processed.append(frame.index)
        if self.late > 0:
            self.late -= 1
            return None
        return super().process(frame, want_alpha=want_alpha, pixel_format=pixel_format)

    def close(self) -> None:
        assert self.may_close.wait(GENEROUS_S)
        super().close()


@dataclass(frozen=True)
class Slow(Background):
    """A background that opens when the test lets it, or fails."""

    may_open: threading.Event
    error: Exception | None = None

    def open(self) -> Plate:
        assert self.may_open.wait(GENEROUS_S)
        if self.error is not None:
            raise self.error
        return GreyPlate()


class SwapBench(LiveBench):
    """A hot swap, and the frames of a camera that the process thread would see."""

    def __init__(self) -> None:
        super().__init__()
        self.pipelines: list[Gated] = []
        self.may_build = threading.Event()
        self.may_build.set()
        self.may_open = threading.Event()
        self.error: Exception | None = None
        self.late = 0
        self.in_force: list[Settings] = []
        self.first = Settings()
        self.swap = HotSwap(
            self.first,
            build=self._build,
            in_force=self.in_force.append,
            report=self.reports.append,
        )
        self.swap.establish(SIZE)
        self._index = 0

    def _build(self, settings: Settings, size: Size) -> Gated:
        assert self.may_build.wait(GENEROUS_S)
        if self.error is not None:
            raise self.error
        self.pipelines.append(Gated(settings, self.late))
        return self.pipelines[-1]

    def frame(self, size: Size = SIZE) -> None:
        self.swap.advance(Frame(scene(size), self._index, self._index))
        self._index += 1

    def request(self, *requested: Settings) -> None:
        """Ask for each of ``requested`` in turn, with a frame after each."""
        for settings in requested:
            self.swap.request(settings)
            self.frame()

    def frames_until(self, done: Callable[[], bool], size: Size = SIZE) -> None:
        deadline_s = time.monotonic() + GENEROUS_S
        while not done():
            assert time.monotonic() < deadline_s
            self.frame(size)

    def settle(self, *requested: Settings, size: Size = SIZE) -> None:
        """Ask for settings, and show frames until a request is in force or refused."""
        for settings in requested:
            self.swap.request(settings)
        self.frames_until(lambda: self.swap.settings == self.swap.requested, size)


@pytest.fixture
def bench() -> Iterator[SwapBench]:
    bench = SwapBench()
    yield bench
    bench.may_build.set()
    bench.may_open.set()
    for pipeline in bench.pipelines:
        pipeline.may_close.set()
    bench.swap.close()
    assert all(pipeline.closed for pipeline in bench.pipelines)


@pytest.mark.parametrize("late", [0, 3])
def test_the_new_network_has_answered_a_current_frame_and_may_take_long_for_it(
    bench: SwapBench, late: int
) -> None:
    bench.late = late
    bench.settle(OTHER)
    standby = bench.pipelines[1]
    assert len(standby.processed) == late + 1
    assert len(set(standby.processed)) == 1
    assert (standby.resets, standby.cleared) == (0, 1)
    assert standby.settings.max_matte_age_s > OTHER.max_matte_age_s
    assert standby.reconfigured == [OTHER]


def test_statistics_go_on_when_another_network_takes_over(bench: SwapBench) -> None:
    bench.settle(OTHER)
    assert bench.swap.statistics == {
        "frames": 8,
        "inferred": 6,
        "reasons": {"motion": 6, "carried": 2},
    }
    bench.swap.discard()
    assert bench.swap.statistics["frames"] == 8


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ModelError("there is no such network"), "there is no such network; the settings stay"),
        (RuntimeError("out of memory"), "the filter failed: RuntimeError('out of memory'); run"),
    ],
)
def test_a_network_that_cannot_be_built_is_refused_with_all_that_came_with_it(
    bench: SwapBench, error: Exception, said: str
) -> None:
    bench.error = error
    bench.settle(replace(OTHER, background="white"))
    assert bench.swap.settings == bench.first
    assert bench.swap.pipeline is bench.pipelines[0]
    assert not bench.pipelines[0].reconfigured
    assert [report.partition(said)[:2] for report in bench.reported] == [("", said)]


def test_what_is_requested_while_a_network_is_built_does_not_wait_for_it(bench: SwapBench) -> None:
    bench.may_build.clear()
    bench.request(OTHER)
    bench.swap.request(replace(OTHER, background="white"))
    white = replace(bench.first, background="white")
    bench.frames_until(lambda: bench.swap.settings == white)
    bench.may_build.set()
    bench.settle()
    assert bench.pipelines[1].reconfigured == [OTHER, replace(OTHER, background="white")]
    assert bench.in_force[-1] == replace(OTHER, background="white")


def test_a_refused_network_leaves_what_was_requested_meanwhile(bench: SwapBench) -> None:
    bench.may_build.clear()
    bench.error = ModelError("there is no such network")
    bench.request(OTHER)
    bench.swap.request(replace(OTHER, mirror=True))
    bench.frames_until(lambda: bench.swap.settings.mirror)
    bench.may_build.set()
    bench.settle()
    assert bench.swap.settings == replace(bench.first, mirror=True)


def test_the_old_network_works_until_the_newest_request_is_ready(bench: SwapBench) -> None:
    third = replace(OTHER, model="lraspp_mobilenet_v3_large")
    bench.may_build.clear()
    for settings in (OTHER, third) * 3:
        bench.request(settings)
        assert bench.swap.pipeline is bench.pipelines[0]
        assert bench.swap.settings == bench.first
    assert bench.swap.requested == third
    bench.may_build.set()
    bench.settle()
    assert bench.swap.pipeline is bench.pipelines[-1]
    assert [each.settings.model for each in bench.pipelines] == ["rvm", OTHER.model, third.model]
    assert bench.in_force == [bench.first, third]


def test_a_request_that_is_taken_back_keeps_the_old_network(bench: SwapBench) -> None:
    bench.may_build.clear()
    bench.request(OTHER, bench.first)
    bench.may_build.set()
    bench.frames_until(lambda: len(bench.pipelines) == 2 and bench.pipelines[1].closed)
    assert bench.swap.pipeline is bench.pipelines[0]
    assert bench.in_force == [bench.first]
    assert not bench.reports


def test_no_further_network_is_built_while_one_cannot_be_closed(bench: SwapBench) -> None:
    bench.pipelines[0].may_close.clear()
    bench.settle(OTHER)
    bench.request(*[bench.first] * 5)
    assert len(bench.pipelines) == 2
    bench.pipelines[0].may_close.set()
    bench.settle()
    assert len(bench.pipelines) == 3


def test_a_network_for_frames_of_another_size_is_built_again(bench: SwapBench) -> None:
    bench.may_build.clear()
    bench.request(OTHER)
    bench.may_build.set()
    bench.swap.establish((80, 40))
    bench.settle(size=(80, 40))
    assert bench.swap.settings == OTHER
    assert bench.swap.size == (80, 40)


def test_a_background_is_opened_beside(bench: SwapBench) -> None:
    settings = replace(bench.first, background=Slow(bench.may_open))
    bench.request(*[settings] * 3)
    assert not bench.pipelines[0].reconfigured
    bench.may_open.set()
    bench.settle()
    assert bench.pipelines[0].reconfigured == [settings]
    assert len(bench.pipelines) == 1
    assert bench.in_force == [bench.first, settings]


def test_a_background_that_cannot_be_read_is_refused(bench: SwapBench) -> None:
    bench.may_open.set()
    gone = Slow(bench.may_open, InputError("gone.png cannot be read"))
    bench.settle(replace(bench.first, background=gone))
    assert bench.swap.settings == bench.first
    assert not bench.pipelines[0].reconfigured
    assert bench.reported == ["gone.png cannot be read; the settings stay as they were"]


@pytest.mark.parametrize("settings", [Settings(background="white"), OTHER])
def test_hiding_the_room_waits_for_nothing(bench: SwapBench, settings: Settings) -> None:
    bench.settle(replace(bench.first, background="none"))
    bench.may_build.clear()
    bench.request(settings)
    assert bench.swap.settings.background == settings.background
    assert bench.in_force[-1].background == settings.background


def test_a_broken_pipeline_can_be_followed_by_another_network(bench: SwapBench) -> None:
    bench.swap.discard()
    assert bench.pipelines[0].closed
    bench.settle(OTHER)
    assert bench.swap.pipeline is bench.pipelines[1]
