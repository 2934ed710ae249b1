import threading
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from livebg.clock import ManualClock
from livebg.config.schema import SETTINGS, Settings
from livebg.errors import LivebgError, ModelError, SettingsError
from livebg.runtime.capture import Captured
from livebg.runtime.guard import PrivacyGuard
from livebg.runtime.mailbox import Mailbox
from livebg.runtime.processing import LIVE_SETTINGS, Chain, Processing
from livebg.runtime.stats import Statistics
from livebg.types import Composite, Frame, Image, Size
from tests.runtime.fakes import SIZE, FakeChain, scene, without_room


class Bench:
    """A process job with a manual clock; ``feed`` gives it one frame."""

    def __init__(self, build: Callable[[Settings, Size], Chain] | None = None) -> None:
        self.clock = ManualClock(start_ns=10**9)
        self.guard = PrivacyGuard(SIZE, max_age_s=0.5, clock=self.clock)
        self.statistics = Statistics(self.clock)
        self.frames: Mailbox[Captured] = Mailbox()
        self.published: list[Composite] = []
        self.reports: list[LivebgError] = []
        self.chains: list[FakeChain] = []
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
        )
        self._index = 0

    def _build(self, settings: Settings, size: Size) -> FakeChain:
        assert self.guard.concealed
        self.built.append((settings, size))
        self.chains.append(FakeChain())
        return self.chains[-1]

    def feed(self, size: Size = SIZE, run: int = 0) -> None:
        frame = Frame(scene(size), self._index, self.clock.now_ns())
        self._index += 1
        self.processing.handle(Captured(frame, run))

    def change(self, settings: Settings) -> None:
        self.processing.change(settings)
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
    def build(settings: Settings, size: Size) -> Chain:
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
    bench.chains[0].respond = _fail
    bench.feed()
    bench.feed()
    assert bench.guard.concealed
    assert len(bench.published) == 1
    assert [str(error) for error in bench.reports] == ["the network returned NaN"]


def test_it_goes_on_when_the_failure_has_passed() -> None:
    bench = Bench()
    bench.feed()
    bench.chains[0].respond = _fail
    bench.feed()
    bench.chains[0].respond = without_room
    bench.feed()
    assert not bench.guard.concealed
    assert len(bench.published) == 2
    assert bench.chains[0].resets == 1


@pytest.mark.parametrize(
    "respond",
    [
        lambda frame: 1 / 0,
        lambda frame: frame.image,
        lambda frame: frame.image[:10],
        lambda frame: frame.image.astype(np.float32),
        lambda frame: None,
    ],
    ids=["defect", "raw", "size", "type", "nothing"],
)
def test_whatever_the_pipeline_does_wrong_is_not_published(
    respond: Callable[[Frame], Image],
) -> None:
    bench = Bench()
    bench.feed()
    bench.chains[0].respond = respond
    bench.feed()
    assert bench.guard.concealed
    assert len(bench.published) == 1


def test_a_pipeline_that_keeps_failing_is_rebuilt_after_a_while() -> None:
    bench = Bench()
    bench.feed()
    bench.chains[0].respond = _fail
    for _ in range(5):
        bench.feed()
    assert bench.chains[0].closed
    bench.feed()
    assert len(bench.chains) == 1
    bench.clock.advance(0.5)
    bench.feed()
    assert len(bench.chains) == 2
    assert not bench.guard.concealed


def test_a_rebuild_that_fails_is_tried_again() -> None:
    bench = Bench()
    bench.feed()
    failures = 2

    def build(settings: Settings, size: Size) -> Chain:
        nonlocal failures
        failures -= 1
        if failures >= 0:
            raise RuntimeError("out of memory")
        return FakeChain()

    bench.processing._build = build
    bench.chains[0].respond = _fail
    for _ in range(5):
        bench.feed()
    for wait_s in (0.5, 1.0, 2.0):
        assert bench.guard.concealed
        bench.clock.advance(wait_s)
        bench.feed()
    assert not bench.guard.concealed


def test_another_size_of_frame_gets_another_pipeline() -> None:
    bench = Bench()
    bench.feed()
    bench.feed((80, 40))
    assert [size for _, size in bench.built] == [SIZE, (80, 40)]
    assert bench.chains[0].closed
    assert bench.published[-1].size == SIZE


def test_after_a_reconnect_earlier_frames_are_forgotten() -> None:
    bench = Bench()
    bench.feed(run=0)
    bench.feed(run=1)
    bench.feed(run=1)
    assert bench.chains[0].resets == 1


def test_another_background_keeps_the_network() -> None:
    bench = Bench()
    bench.feed()
    wanted = replace(bench.settings, background="white")
    bench.change(wanted)
    assert bench.chains[0].reconfigured == [wanted]
    assert len(bench.chains) == 1
    assert bench.processing.settings == wanted
    assert len(bench.published) == 2


def test_every_live_setting_exists() -> None:
    assert LIVE_SETTINGS.issubset(SETTINGS)


def test_another_network_is_loaded_behind_the_card() -> None:
    bench = Bench()
    bench.feed()
    wanted = replace(bench.settings, model="deeplabv3_resnet50")
    bench.change(wanted)
    assert [settings for settings, _ in bench.built] == [bench.settings, wanted]
    assert bench.chains[0].closed
    assert not bench.guard.concealed


def test_settings_that_do_not_work_are_refused_and_the_old_stay() -> None:
    def refuse(settings: Settings) -> None:
        raise SettingsError("no such picture")

    bench = Bench()
    bench.feed()
    bench.chains[0].reconfigure = refuse  # type: ignore[method-assign]
    bench.change(replace(bench.settings, background="gone.png"))
    assert bench.processing.settings == bench.settings
    assert [str(error) for error in bench.reports] == ["no such picture"]
    assert len(bench.published) == 2


def test_a_network_that_cannot_be_loaded_leaves_the_old_one_running() -> None:
    bench = Bench()
    bench.feed()

    def build(settings: Settings, size: Size) -> Chain:
        raise ModelError("no such network")

    bench.processing._build = build
    bench.change(replace(bench.settings, model="nonsense"))
    assert not bench.chains[0].closed
    assert not bench.guard.concealed
    assert bench.processing.settings == bench.settings


def test_raw_frames_pass_only_while_the_background_is_none() -> None:
    bench = Bench()
    bench.feed()
    bench.chains[0].respond = lambda frame: frame.image
    bench.change(replace(bench.settings, background="none"))
    assert len(bench.published) == 2
    bench.change(bench.settings)
    assert len(bench.published) == 2
    assert bench.guard.concealed


def test_it_closes_its_pipeline() -> None:
    bench = Bench()
    bench.frames.close()
    bench.processing.run(threading.Event(), SIZE)
    assert bench.chains[0].closed


def test_what_is_wanted_is_known_before_the_next_frame_and_forgotten_when_refused() -> None:
    bench = Bench()
    bench.feed()
    wanted = replace(bench.settings, background="gone.png")
    bench.chains[0].reconfigure = _refuse  # type: ignore[method-assign]
    bench.processing.change(wanted)
    assert bench.processing.wanted == wanted
    bench.feed()
    assert bench.processing.wanted == bench.processing.settings == bench.settings


def _refuse(settings: Settings) -> None:
    raise SettingsError("no such picture")
