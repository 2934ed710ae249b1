from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest

from livebg.compositing.backgrounds import GreyPlate, Plate
from livebg.config.background import Background
from livebg.config.settings import Settings
from livebg.errors import InputError, LivebgError, ModelError
from livebg.frame import BGR, Composite, Frame, Image, PixelFormat, Size
from livebg.live import hot_swap as rehearsal
from livebg.live.hot_swap import HotSwap, build_warmed_up
from tests.support.fakes import GENEROUS_S, SIZE, FakeChain, scene


def rehearse(chain: FakeChain, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return the settings that the pipeline was built with."""
    built: list[Settings] = []

    def build(settings: Settings, size: Size, *, live: bool) -> FakeChain:
        built.append(settings)
        return chain

    monkeypatch.setattr(rehearsal, "Pipeline", build)
    build_warmed_up(Settings(), SIZE, live=True)
    return built[0]


def test_a_pipeline_that_was_rehearsed_is_as_new(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = FakeChain()
    rehearse(chain, monkeypatch)
    assert (chain.resets, chain.cleared, chain.closed) == (1, 1, False)


def test_a_network_may_take_its_time_at_first_only(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = FakeChain()
    built = rehearse(chain, monkeypatch)
    assert built.max_matte_age_s > Settings().max_matte_age_s
    assert chain.reconfigured == [Settings()]


def test_a_network_that_is_slow_even_then_is_used_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chain = FakeChain(lambda frame: None)
    rehearse(chain, monkeypatch)
    assert (chain.reconfigured, chain.resets, chain.closed) == ([Settings()], 1, False)


def test_one_that_fails_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(frame: Frame) -> Image:
        raise ModelError("the network returned NaN")

    chain = FakeChain(fail)
    with pytest.raises(ModelError, match="returned NaN"):
        rehearse(chain, monkeypatch)
    assert chain.closed


OTHER = replace(Settings(), model="deeplabv3_resnet50")


class Gated(FakeChain):
    """A pipeline that is built, prepared and closed when the test lets it."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        self.processed: list[int] = []
        self.late = 0
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


class Bench:
    """A succession, and the frames of a camera that the process thread would see."""

    def __init__(self) -> None:
        self.chains: list[Gated] = []
        self.may_build = threading.Event()
        self.may_build.set()
        self.error: Exception | None = None
        self.late = 0
        self.in_force: list[Settings] = []
        self.reports: list[LivebgError] = []
        self.building = threading.Semaphore(0)
        self.first = Settings()
        self.succession = HotSwap(
            self.first,
            build=self._build,
            in_force=self.in_force.append,
            report=self.reports.append,
        )
        self.succession.establish(SIZE)
        self.building.acquire()
        self._index = 0

    def _build(self, settings: Settings, size: Size) -> Gated:
        self.building.release()
        assert self.may_build.wait(GENEROUS_S)
        if self.error is not None:
            raise self.error
        self.chains.append(Gated(settings))
        self.chains[-1].late = self.late
        return self.chains[-1]

    def frame(self, size: Size = SIZE) -> None:
        self.succession.advance(Frame(scene(size), self._index, self._index))
        self._index += 1

    def frames_until(self, done: Callable[[], bool], size: Size = SIZE) -> None:
        deadline_s = time.monotonic() + GENEROUS_S
        while not done():
            assert time.monotonic() < deadline_s
            self.frame(size)

    def frames_until_settled(self) -> None:
        self.frames_until(lambda: self.succession.settings == self.succession.wanted)


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.may_build.set()
    for chain in bench.chains:
        chain.may_close.set()
    bench.succession.close()
    assert all(chain.closed for chain in bench.chains)


def test_the_old_network_works_until_the_new_one_is_ready(bench: Bench) -> None:
    bench.may_build.clear()
    bench.succession.want(OTHER)
    for _ in range(5):
        bench.frame()
        assert bench.succession.chain is bench.chains[0]
        assert bench.succession.settings == bench.first
    assert bench.succession.wanted == OTHER
    bench.may_build.set()
    bench.frames_until_settled()
    assert bench.succession.chain is bench.chains[1]
    assert bench.in_force == [bench.first, OTHER]


def test_the_new_network_has_seen_a_frame_of_the_moment(bench: Bench) -> None:
    bench.succession.want(OTHER)
    bench.frames_until_settled()
    assert len(bench.chains[1].processed) == 1
    assert (bench.chains[1].resets, bench.chains[1].cleared) == (0, 1)


def test_a_new_network_that_is_late_is_waited_for(bench: Bench) -> None:
    bench.late = 3
    bench.succession.want(OTHER)
    bench.frames_until_settled()
    processed = bench.chains[1].processed
    assert len(processed) == 4
    assert len(set(processed)) == 1


def test_statistics_go_on_when_another_network_takes_over(bench: Bench) -> None:
    bench.succession.want(OTHER)
    bench.frames_until_settled()
    assert bench.succession.statistics == {
        "frames": 8,
        "inferred": 6,
        "reasons": {"motion": 6, "carried": 2},
    }
    bench.succession.discard()
    assert bench.succession.statistics["frames"] == 8


def test_a_network_that_cannot_be_made_is_refused_with_all_that_came_with_it(
    bench: Bench,
) -> None:
    bench.error = ModelError("there is no such network")
    bench.succession.want(replace(OTHER, background="white"))
    bench.frames_until_settled()
    assert bench.succession.settings == bench.first
    assert bench.succession.chain is bench.chains[0]
    assert not bench.chains[0].reconfigured
    assert [str(error) for error in bench.reports] == [
        "there is no such network; the settings stay as they were"
    ]


def test_a_network_that_fails_on_its_first_frame_is_refused(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(chain: Gated, frame: Frame, *, want_alpha: bool = False) -> Composite:
        raise ModelError("the network returned NaN")

    monkeypatch.setattr(Gated, "process", fail)
    bench.succession.want(OTHER)
    bench.frames_until_settled()
    assert bench.succession.chain is bench.chains[0]
    assert bench.chains[1].closed


def test_a_network_may_take_its_time_at_first_only_succession(bench: Bench) -> None:
    bench.succession.want(OTHER)
    bench.frames_until_settled()
    assert bench.chains[1].settings.max_matte_age_s > OTHER.max_matte_age_s
    assert bench.chains[1].reconfigured == [OTHER]


def test_an_error_that_is_none_of_ours_is_put_into_a_sentence(bench: Bench) -> None:
    bench.error = RuntimeError("out of memory")
    bench.succession.want(OTHER)
    bench.frames_until_settled()
    assert "out of memory" in str(bench.reports[0])
    assert "the settings stay as they were" in str(bench.reports[0])


def test_what_is_wanted_while_a_network_is_made_does_not_wait_for_it(bench: Bench) -> None:
    bench.may_build.clear()
    bench.succession.want(OTHER)
    bench.frame()
    bench.succession.want(replace(OTHER, background="white"))
    bench.frames_until(
        lambda: bench.succession.settings == replace(bench.first, background="white")
    )

    bench.may_build.set()
    bench.frames_until_settled()
    assert bench.chains[1].reconfigured == [OTHER, replace(OTHER, background="white")]
    assert bench.in_force[-1] == replace(OTHER, background="white")


def test_a_refused_network_leaves_what_was_wanted_meanwhile(bench: Bench) -> None:
    bench.may_build.clear()
    bench.error = ModelError("there is no such network")
    bench.succession.want(OTHER)
    bench.frame()
    bench.succession.want(replace(OTHER, mirror=True))
    bench.frames_until(lambda: bench.succession.settings.mirror)
    bench.may_build.set()
    bench.frames_until_settled()
    assert bench.succession.settings == replace(bench.first, mirror=True)


def test_a_network_that_is_not_wanted_any_more_never_takes_over(bench: Bench) -> None:
    third = replace(OTHER, model="lraspp_mobilenet_v3_large")
    bench.may_build.clear()
    bench.succession.want(OTHER)
    bench.frame()
    for _ in range(3):
        bench.succession.want(third)
        bench.frame()
        bench.succession.want(OTHER)
        bench.frame()
    bench.succession.want(third)
    bench.frame()
    bench.may_build.set()
    bench.frames_until_settled()
    assert [chain.settings.model for chain in bench.chains] == ["rvm", OTHER.model, third.model]
    assert bench.in_force == [bench.first, third]


def test_taking_a_wish_back_keeps_the_old_network(bench: Bench) -> None:
    bench.may_build.clear()
    bench.succession.want(OTHER)
    bench.frame()
    bench.succession.want(bench.first)
    bench.frame()
    bench.may_build.set()
    bench.frames_until(lambda: len(bench.chains) == 2 and bench.chains[1].closed)
    assert bench.succession.chain is bench.chains[0]
    assert bench.in_force == [bench.first]
    assert not bench.reports


def test_no_further_network_is_made_while_one_cannot_be_closed(bench: Bench) -> None:
    bench.chains[0].may_close.clear()
    bench.succession.want(OTHER)
    bench.frames_until_settled()
    bench.succession.want(bench.first)
    for _ in range(5):
        bench.frame()
    assert len(bench.chains) == 2
    bench.chains[0].may_close.set()
    bench.frames_until_settled()
    assert len(bench.chains) == 3


def test_a_network_for_frames_of_another_size_is_made_again(bench: Bench) -> None:
    bench.may_build.clear()
    bench.succession.want(OTHER)
    bench.frame()
    bench.may_build.set()
    bench.succession.establish((80, 40))
    bench.frames_until(lambda: bench.succession.settings == OTHER, size=(80, 40))
    assert bench.succession.size == (80, 40)


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


def test_a_background_is_opened_beside(bench: Bench) -> None:
    may_open = threading.Event()
    wanted = replace(bench.first, background=Slow(may_open))
    bench.succession.want(wanted)
    for _ in range(3):
        bench.frame()
    assert not bench.chains[0].reconfigured
    may_open.set()
    bench.frames_until_settled()
    assert bench.chains[0].reconfigured == [wanted]
    assert len(bench.chains) == 1
    assert bench.in_force == [bench.first, wanted]


def test_a_background_that_cannot_be_read_is_refused(bench: Bench) -> None:
    may_open = threading.Event()
    may_open.set()
    gone = Slow(may_open, InputError("gone.png cannot be read"))
    bench.succession.want(replace(bench.first, background=gone))
    bench.frames_until_settled()
    assert bench.succession.settings == bench.first
    assert not bench.chains[0].reconfigured
    assert [str(error) for error in bench.reports] == [
        "gone.png cannot be read; the settings stay as they were"
    ]


@pytest.mark.parametrize(
    "wanted", [Settings(background="white"), replace(OTHER, background="blur")]
)
def test_hiding_the_room_waits_for_nothing(bench: Bench, wanted: Settings) -> None:
    bench.succession.want(replace(bench.first, background="none"))
    bench.frames_until_settled()
    bench.may_build.clear()
    bench.succession.want(wanted)
    bench.frame()
    assert bench.succession.settings.background == wanted.background
    assert bench.in_force[-1].background == wanted.background


def test_a_broken_pipeline_can_be_followed_by_another_network(bench: Bench) -> None:
    bench.succession.discard()
    assert bench.chains[0].closed
    bench.succession.want(OTHER)
    bench.frames_until_settled()
    assert bench.succession.chain is bench.chains[1]
