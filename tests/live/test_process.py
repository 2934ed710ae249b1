import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from livebg.config.settings import Settings
from livebg.errors import DeviceLostError, ModelError
from livebg.frame import BGR, Composite, Frame, Image, PixelFormat, Size
from livebg.live.capture import Captured
from livebg.live.process import Processing
from livebg.threads import Mailbox
from tests.support.fakes import GENEROUS_S, SIZE, FakePipeline, scene, without_room
from tests.support.live_bench import LiveBench


class ProcessBench(LiveBench):
    """A process job; ``feed`` gives it one frame."""

    def __init__(self, pixel_format: PixelFormat = BGR) -> None:
        super().__init__()
        self.frames: Mailbox[Captured] = Mailbox()
        self.published: list[Composite] = []
        self.pipelines: list[FakePipeline] = []
        self.built: list[tuple[Settings, Size]] = []
        self.failing_builds = 0
        self.respond: Callable[[Frame], Image | None] = without_room
        self.settings = Settings()
        self.processing = Processing(
            self.settings,
            build=self._build,
            frames=self.frames,
            publish=self.published.append,
            guard=self.guard,
            statistics=self.statistics,
            clock=self.clock,
            report=self.reports.append,
            pixel_format=pixel_format,
        )
        self._index = 0

    def _build(self, settings: Settings, size: Size) -> FakePipeline:
        if self.failing_builds:
            self.failing_builds -= 1
            raise RuntimeError("out of memory")
        self.built.append((settings, size))
        self.pipelines.append(FakePipeline(lambda frame: self.respond(frame)))
        return self.pipelines[-1]

    def captured(self, index: int, size: Size = SIZE, gaps: int = 0) -> Captured:
        return Captured(Frame(scene(size), index, self.clock.now_ns()), gaps)

    def feed(self, size: Size = SIZE, gaps: int = 0) -> None:
        self.processing.handle(self.captured(self._index, size, gaps))
        self._index += 1

    def change(self, settings: Settings) -> None:
        """Ask for ``settings`` and feed frames until they are in force or refused."""
        self.processing.hot_swap.request(settings)
        deadline_s = time.monotonic() + GENEROUS_S
        while self.processing.hot_swap.settings != self.processing.hot_swap.requested:
            assert time.monotonic() < deadline_s
            self.feed()


@pytest.fixture
def bench() -> ProcessBench:
    return ProcessBench()


def fail(frame: Frame) -> Image:
    raise ModelError("the network returned NaN")


def test_it_is_ready_once_there_is_a_pipeline_and_closes_it_at_the_end(
    bench: ProcessBench,
) -> None:
    assert not bench.processing.ready.is_set()
    bench.frames.close()
    bench.processing.run(threading.Event(), SIZE)
    assert bench.processing.ready.is_set()
    assert bench.built == [(bench.settings, SIZE)]
    assert bench.pipelines[0].closed


def test_a_failure_shows_the_card_until_it_has_passed(bench: ProcessBench) -> None:
    assert bench.guard.concealed
    bench.feed()
    assert not bench.guard.concealed
    bench.respond = fail
    bench.feed()
    bench.feed()
    assert bench.guard.concealed
    assert len(bench.published) == 1
    assert bench.reported == ["the network returned NaN"]
    bench.respond = without_room
    bench.feed()
    assert not bench.guard.concealed
    assert len(bench.published) == 2
    assert bench.pipelines[0].resets == 2


@pytest.mark.parametrize("failing_builds", [0, 2])
def test_a_pipeline_that_keeps_failing_is_built_again_until_that_works(
    bench: ProcessBench, failing_builds: int
) -> None:
    bench.feed()
    bench.respond = fail
    for _ in range(5):
        bench.feed()
    assert bench.pipelines[0].closed
    bench.respond = without_room
    bench.failing_builds = failing_builds
    for wait_s in (0.5, 1.0, 2.0)[: failing_builds + 1]:
        bench.feed()
        assert bench.guard.concealed and len(bench.pipelines) == 1
        bench.clock.advance(wait_s)
        bench.feed()
    assert not bench.guard.concealed
    assert len(bench.pipelines) == 2


def test_a_frame_that_the_network_is_late_with_is_handled_again(bench: ProcessBench) -> None:
    attempts: list[int] = []

    def respond(frame: Frame) -> Image | None:
        attempts.append(frame.index)
        if len(attempts) < 3:
            bench.frames.put(bench.captured(7))
            return None
        bench.frames.close()
        return without_room(frame)

    bench.respond = respond
    bench.frames.put(bench.captured(4))
    bench.processing.run(threading.Event(), SIZE)
    assert attempts == [4, 4, 4, 7]
    assert [composite.index for composite in bench.published] == [4, 7]
    assert len(bench.reports) == 1


def test_a_lost_device_is_told_and_left_at_the_next_frame(bench: ProcessBench) -> None:
    on_card = replace(bench.settings, device="cuda", mirror=True)
    bench.change(on_card)

    def lose(frame: Frame) -> Image:
        raise DeviceLostError("the graphics card is gone")

    bench.respond = lose
    bench.feed()
    assert bench.guard.concealed
    bench.respond = without_room
    bench.feed()
    assert not bench.guard.concealed
    assert (
        bench.built[-1][0] == bench.processing.hot_swap.settings == replace(on_card, device="cpu")
    )
    assert bench.processing.hot_swap.requested == bench.processing.hot_swap.settings
    assert bench.reported == ["the graphics card is gone; livebg goes on with the processor"]


def test_another_size_of_frame_gets_another_pipeline_and_is_scaled_as_bgr() -> None:
    bench = ProcessBench(PixelFormat("nv12", "bt601"))
    sizes = [SIZE, (80, 40), SIZE]
    for size in sizes:
        bench.feed(size)
    assert [size for _, size in bench.built] == sizes
    assert all(pipeline.gone.wait(GENEROUS_S) for pipeline in bench.pipelines[:2])
    assert [made.pixel_format.layout for made in bench.published] == ["nv12", "bgr", "nv12"]
    assert {made.size for made in bench.published} == {SIZE}


def test_after_a_gap_earlier_frames_are_forgotten(bench: ProcessBench) -> None:
    for gaps in (0, 1, 1):
        bench.feed(gaps=gaps)
    assert bench.pipelines[0].resets == 1


def test_changed_settings_are_in_force_for_the_guard_as_well(bench: ProcessBench) -> None:
    bench.feed()
    bench.change(replace(bench.settings, background="transparent", max_matte_age_s=2.0))
    assert bench.guard.card().image.shape[2] == 4
    captured_ns = bench.clock.now_ns()
    bench.clock.advance(1.0)
    assert not bench.guard.expired(captured_ns)


def test_raw_frames_pass_only_while_the_background_is_none(bench: ProcessBench) -> None:
    bench.feed()
    bench.change(replace(bench.settings, background="none"))
    bench.respond = lambda frame: frame.image
    bench.feed()
    published = len(bench.published)
    assert not bench.guard.concealed
    bench.processing.hot_swap.request(bench.settings)
    bench.feed()
    assert len(bench.published) == published
    assert bench.guard.concealed
