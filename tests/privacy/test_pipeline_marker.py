"""The real chain behind a network that goes wrong: the room must not turn up in any picture."""

import threading
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from livebg.config.settings import Every, Settings
from livebg.errors import ModelError
from livebg.frame import FramePyramid, Matte, Size
from livebg.live.session import Session
from livebg.pipeline import Pipeline
from livebg.segmenters.base import Segmenter, SegmenterInfo, plain_matte
from tests.support.fakes import GENEROUS_S, FakeCamera, KeepingSink, scene, shows_room

SIZE = (320, 180)
MATTE_SIZE = (160, 90)
LATENCIES = ["low", "aligned"]


class FakeNetwork(Segmenter):
    """Knows where the person of ``scene`` is; ``spoil`` then does to the matte what it likes."""

    def __init__(self, spoil: Callable[[Matte], Matte]) -> None:
        self._spoil = spoil

    @property
    def info(self) -> SegmenterInfo:
        return SegmenterInfo("fake", "fake", MATTE_SIZE, recurrent=False)

    def segment(self, pyramid: FramePyramid) -> Matte:
        width, height = MATTE_SIZE
        alpha = np.zeros((height, width), np.float32)
        # A little inside the person: the matte's soft edge must not reach into the room.
        alpha[height // 4 + 4 :, width // 4 + 4 : -width // 4 - 4] = 1.0
        return self._spoil(plain_matte(alpha, pyramid.frame))

    def reset(self) -> None: ...

    def close(self) -> None: ...


def play(
    settings: Settings,
    spoil: Callable[[Matte], Matte],
    *,
    frames: int,
    done: Callable[[KeepingSink], bool] = lambda sink: bool(sink.pictures),
) -> KeepingSink:
    sink = KeepingSink()
    live = open_session(settings, spoil, sink)

    def tick() -> None:
        counts = live.statistics["frames"]
        if done(sink) and counts["out"] + counts["failed"] >= frames:
            live.stop()

    live.run(seconds=GENEROUS_S, on_tick=tick)
    assert live.statistics["ended"] == "stopped"
    return sink


def open_session(settings: Settings, spoil: Callable[[Matte], Matte], sink: KeepingSink) -> Session:
    def build(wanted: Settings, size: Size) -> Pipeline:
        return Pipeline(wanted, size, segmenter=FakeNetwork(spoil), live=True)

    return Session(
        settings,
        source=lambda: FakeCamera(SIZE, at=lambda index: scene(SIZE)),
        sinks=[sink],
        build=build,
    )


def leaks(sink: KeepingSink) -> list[int]:
    return [place for place, shown in enumerate(sink.pictures) if shows_room(shown.image)]


@pytest.mark.parametrize("latency", LATENCIES)
@pytest.mark.parametrize("every", [1, 3, "auto"])
@pytest.mark.parametrize("background", ["white", "gray", "color:#204060"])
def test_a_network_that_works(background: str, every: Every, latency: str) -> None:
    settings = Settings(background=background, every=every, edge_colour=False, latency=latency)
    sink = play(settings, lambda matte: matte, frames=12)
    assert not leaks(sink)
    assert sink.filtered


def _raise(matte: Matte) -> Matte:
    raise ModelError("the network returned NaN")


def _of_another_frame(matte: Matte) -> Matte:
    return replace(matte, frame_index=matte.frame_index + 1)


@pytest.mark.parametrize("latency", LATENCIES)
@pytest.mark.parametrize("spoil", [_raise, _of_another_frame])
def test_a_network_that_goes_wrong(spoil: Callable[[Matte], Matte], latency: str) -> None:
    sink = play(Settings(background="white", every=1, latency=latency), spoil, frames=8)
    assert not leaks(sink)
    assert not sink.filtered


def test_a_network_that_finds_nobody() -> None:
    def spoil(matte: Matte) -> Matte:
        nobody = np.zeros_like(matte.offset)
        return replace(matte, offset=nobody, coarse=nobody)

    sink = play(Settings(background="white", every=1), spoil, frames=8)
    assert not leaks(sink)
    assert sink.filtered


@pytest.mark.parametrize("latency", LATENCIES)
def test_a_network_that_hangs_is_covered_by_the_card_until_it_answers(latency: str) -> None:
    release = threading.Event()
    mattes = 0

    def spoil(matte: Matte) -> Matte:
        nonlocal mattes
        mattes += 1
        if mattes == 8:
            release.wait(GENEROUS_S)
        return matte

    def done(sink: KeepingSink) -> bool:
        if sink.filtered and sink.pictures[-1].private:
            release.set()
        return release.is_set() and not sink.pictures[-1].private

    settings = Settings(background="white", every=1, latency=latency, max_matte_age_s=0.2)
    sink = play(settings, spoil, frames=8, done=done)
    assert not leaks(sink)
    assert any(picture.private for picture in sink.since_first_frame[:-1])


def test_a_session_ends_in_time_though_the_network_hangs() -> None:
    release = threading.Event()

    def spoil(matte: Matte) -> Matte:
        release.wait(GENEROUS_S)
        return matte

    live = open_session(Settings(background="white", max_matte_age_s=0.2), spoil, KeepingSink())
    live.run(seconds=0.3)
    assert live.unfinished == ("process",)
    release.set()
