import threading
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from livebg.clock import ManualClock
from livebg.config.settings import Settings
from livebg.errors import DeviceLostError, LivebgError, ModelError
from livebg.frame import BGR, Composite, Frame, Image, PixelFormat, Size
from livebg.live.capture import Captured
from livebg.live.privacy import PrivacyGuard
from livebg.live.process import Processing
from livebg.live.statistics import Statistics
from livebg.live.warmup import Build
from livebg.pipeline import Pipeline
from livebg.threads import Mailbox
from tests.support.fakes import GENEROUS_S, SIZE, FakePipeline, scene, without_room


class Bench:
    """A process job with a manual clock; ``feed`` gives it one frame."""

    def __init__(
        self,
        build: Build | None = None,
        pixel_format: PixelFormat = BGR,
    ) -> None:
        self.clock = ManualClock(start_ns=10**9)
        self.guard = PrivacyGuard(SIZE, max_age_s=0.5, clock=self.clock)
        self.statistics = Statistics(self.clock)
        self.frames: Mailbox[Captured] = Mailbox()
        self.published: list[Composite] = []
        self.reports: list[LivebgError] = []
        self.pipelines: list[FakePipeline] = []
        self.built: list[tuple[Settings, Size]] = []
        self.settings = Settings()
        self.processing = Processing(
            self.settings,
            build=build or self._build,
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
        self.built.append((settings, size))
        self.pipelines.append(FakePipeline())
        return self.pipelines[-1]

    def feed(self, size: Size = SIZE, run: int = 0) -> None:
        frame = Frame(scene(size), self._index, self.clock.now_ns())
        self._index += 1
        self.processing.handle(Captured(frame, run))

    def change(self, settings: Settings) -> None:
        """Ask for ``settings`` and feed frames until they are in force or refused."""
        self.processing.change(settings)
        deadline_s = time.monotonic() + GENEROUS_S
        while self.processing.settings != self.processing.requested:
            assert time.monotonic() < deadline_s
            self.feed()


def _fail(frame: Frame) -> Image:
    raise ModelError("the network returned NaN")


def test_the_card_is_shown_until_the_first_composite() -> None:
    bench = Bench()
    assert bench.guard.concealed
    bench.feed()
    assert not bench.guard.concealed
    assert len(bench.published) == 1
    assert bench.built == [(bench.settings, SIZE)]


def test_a_first_pipeline_that_cannot_be_built_ends_the_job() -> None:
    def build(settings: Settings, size: Size) -> Pipeline:
        raise ModelError("no such network")

    bench = Bench(build)
    with pytest.raises(ModelError, match="no such network"):
        bench.processing.run(threading.Event(), SIZE)
    assert bench.guard.concealed


def test_it_is_ready_once_there_is_a_pipeline() -> None:
    bench = Bench()
    assert not bench.processing.ready.is_set()
    bench.frames.close()
    bench.processing.run(threading.Event(), SIZE)
    assert bench.processing.ready.is_set()
    assert bench.built == [(bench.settings, SIZE)]


def test_a_failure_shows_the_card_and_is_reported_once() -> None:
    bench = Bench()
    bench.feed()
    bench.pipelines[0].respond = _fail
    bench.feed()
    bench.feed()
    assert bench.guard.concealed
    assert len(bench.published) == 1
    assert [str(error) for error in bench.reports] == ["the network returned NaN"]


def test_a_frame_that_the_network_is_late_with_is_handled_again() -> None:
    attempts: list[int] = []

    def respond(frame: Frame) -> Image | None:
        attempts.append(frame.index)
        if len(attempts) < 3:
            bench.frames.put(Captured(Frame(scene(), 7, bench.clock.now_ns()), 0))
            return None
        bench.frames.close()
        return without_room(frame)

    bench = Bench(lambda settings, size: FakePipeline(respond))
    bench.frames.put(Captured(Frame(scene(), 4, bench.clock.now_ns()), 0))
    bench.processing.run(threading.Event(), SIZE)
    assert attempts == [4, 4, 4, 7]
    assert [composite.index for composite in bench.published] == [4, 7]
    assert len(bench.reports) == 1


def test_it_goes_on_when_the_failure_has_passed() -> None:
    bench = Bench()
    bench.feed()
    bench.pipelines[0].respond = _fail
    bench.feed()
    bench.pipelines[0].respond = without_room
    bench.feed()
    assert not bench.guard.concealed
    assert len(bench.published) == 2
    assert bench.pipelines[0].resets == 1


@pytest.mark.parametrize(
    "respond",
    [
        lambda frame: 1 / 0,
        lambda frame: frame.image,
        lambda frame: frame.image[:10],
        lambda frame: frame.image.astype(np.float32),
        lambda frame: frame.image[:0],
    ],
    ids=["defect", "raw", "size", "type", "nothing"],
)
def test_whatever_the_pipeline_does_wrong_is_not_published(
    respond: Callable[[Frame], Image],
) -> None:
    bench = Bench()
    bench.feed()
    bench.pipelines[0].respond = respond
    bench.feed()
    assert bench.guard.concealed
    assert len(bench.published) == 1


def test_a_pipeline_that_keeps_failing_is_rebuilt_after_a_while() -> None:
    bench = Bench()
    bench.feed()
    bench.pipelines[0].respond = _fail
    for _ in range(5):
        bench.feed()
    assert bench.pipelines[0].closed
    bench.feed()
    assert len(bench.pipelines) == 1
    bench.clock.advance(0.5)
    bench.feed()
    assert len(bench.pipelines) == 2
    assert not bench.guard.concealed


def test_a_rebuild_that_fails_is_tried_again() -> None:
    bench = Bench()
    bench.feed()
    failures = 2

    def build(settings: Settings, size: Size) -> Pipeline:
        nonlocal failures
        failures -= 1
        if failures >= 0:
            raise RuntimeError("out of memory")
        return FakePipeline()

    bench.processing._hot_swap._build = build
    bench.pipelines[0].respond = _fail
    for _ in range(5):
        bench.feed()
    for wait_s in (0.5, 1.0, 2.0):
        assert bench.guard.concealed
        bench.clock.advance(wait_s)
        bench.feed()
    assert not bench.guard.concealed


def test_a_lost_device_is_told_and_left_at_the_next_frame() -> None:
    bench = Bench()
    bench.change(replace(bench.settings, device="cuda"))

    def lose(frame: Frame) -> Image:
        raise DeviceLostError("the graphics card is gone")

    for pipeline in bench.pipelines:
        pipeline.respond = lose
    bench.feed()
    assert bench.guard.concealed
    bench.feed()
    assert not bench.guard.concealed
    assert bench.built[-1][0].device == bench.processing.settings.device == "cpu"
    assert [str(error) for error in bench.reports] == [
        "the graphics card is gone; livebg goes on with the processor"
    ]


def test_another_size_of_frame_gets_another_pipeline() -> None:
    bench = Bench()
    bench.feed()
    bench.feed((80, 40))
    assert [size for _, size in bench.built] == [SIZE, (80, 40)]
    assert bench.pipelines[0].gone.wait(GENEROUS_S)
    assert bench.published[-1].size == SIZE


def test_a_picture_that_must_be_scaled_comes_as_bgr_whatever_the_sinks_want() -> None:
    bench = Bench(pixel_format=PixelFormat("nv12", "bt601"))
    for size in (SIZE, (80, 40), SIZE):
        bench.feed(size)
    assert [made.pixel_format.layout for made in bench.published] == ["nv12", "bgr", "nv12"]
    assert {made.size for made in bench.published} == {SIZE}


def test_after_a_reconnect_earlier_frames_are_forgotten() -> None:
    bench = Bench()
    bench.feed(run=0)
    bench.feed(run=1)
    bench.feed(run=1)
    assert bench.pipelines[0].resets == 1


def test_changed_settings_are_in_force_for_the_guard_as_well() -> None:
    bench = Bench()
    bench.feed()
    bench.change(replace(bench.settings, background="transparent", max_matte_age_s=2.0))
    assert bench.guard.card().image.shape[2] == 4
    captured_ns = bench.clock.now_ns()
    bench.clock.advance(1.0)
    assert not bench.guard.expired(captured_ns)


def test_no_card_is_shown_for_another_network() -> None:
    bench = Bench()
    bench.feed()
    concealed: list[bool] = []

    def publish(composite: Composite) -> None:
        concealed.append(bench.guard.concealed)

    bench.processing._publish = publish
    bench.change(replace(bench.settings, model="deeplabv3_resnet50"))
    assert bench.processing.settings.model == "deeplabv3_resnet50"
    assert concealed and not any(concealed)


def test_raw_frames_pass_only_while_the_background_is_none() -> None:
    bench = Bench()
    bench.feed()
    bench.change(replace(bench.settings, background="none"))
    bench.pipelines[0].respond = lambda frame: frame.image
    bench.feed()
    published = len(bench.published)
    assert not bench.guard.concealed
    bench.processing.change(bench.settings)
    bench.feed()
    assert len(bench.published) == published
    assert bench.guard.concealed


def test_it_closes_its_pipeline() -> None:
    bench = Bench()
    bench.frames.close()
    bench.processing.run(threading.Event(), SIZE)
    assert bench.pipelines[0].closed
