"""The room is painted in a colour that nothing else has; it must not turn up in any picture."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from livebg.compositing.backgrounds import Plate
from livebg.config.settings import Settings
from livebg.errors import ModelError, SinkError, SourceError
from livebg.frame import BGR, ColourMatrix, Composite, Frame, Image, PixelFormat, PixelLayout, Size
from livebg.live.session import Session
from livebg.live.warmup import Build
from livebg.pipeline import Pipeline
from livebg.pixels.conversion import converted
from livebg.sinks.base import Sink, repacked
from livebg.sources.base import Source
from tests.support.fakes import (
    GENEROUS_S,
    SIZE,
    FakeCamera,
    FakePipeline,
    KeepingSink,
    scene,
    shows_room,
    without_room,
)

SETTINGS = Settings(max_matte_age_s=0.1)


class Watched(KeepingSink):
    """Looks at every picture that it gets while nobody can change it any more."""

    def __init__(self, name: str = "watched", pixel_format: PixelFormat = BGR) -> None:
        super().__init__(name, pixel_format)
        self.leaks: list[int] = []

    def send(self, composite: Composite) -> None:
        if shows_room(repacked(composite, BGR)):
            self.leaks.append(len(self.pictures))
        super().send(composite)


def play(
    done: Callable[[Session, Watched], bool],
    *,
    respond: Callable[[Frame], Image] = without_room,
    build: Build | None = None,
    open_source: Callable[[], Source] = FakeCamera,
    open_sink: Callable[[Watched], Sink] = lambda sink: sink,
    retry: bool = False,
    settings: Settings = SETTINGS,
    pixel_format: PixelFormat = BGR,
) -> Watched:
    """Run a session until ``done``; return its sink."""
    sink = Watched(pixel_format=pixel_format)
    sink.reopened = retry
    live = Session(
        settings,
        source=open_source,
        sinks=[lambda: open_sink(sink)],
        build=build or (lambda settings, size: FakePipeline(respond)),
    )

    def tick() -> None:
        if done(live, sink):
            live.stop()

    live.run(seconds=GENEROUS_S, on_tick=tick)
    assert live.statistics["ended"] == "stopped"
    assert sink.pictures
    return sink


def enough(live: Session, sink: Watched) -> bool:
    return len(sink.filtered) > 5


def test_the_search_finds_the_room() -> None:
    assert shows_room(scene())


@pytest.mark.parametrize("matrix", ["bt601", "bt709"])
@pytest.mark.parametrize("layout", ["i420", "nv12", "yuy2"])
def test_the_room_is_not_shown_in_any_format(layout: PixelLayout, matrix: ColourMatrix) -> None:
    pixel_format = PixelFormat(layout, matrix)
    assert shows_room(converted(converted(scene(), BGR, pixel_format), pixel_format, BGR))
    failing = iter(range(10**6))

    def respond(frame: Frame) -> Image:
        if next(failing) % 3 == 1:
            raise ModelError("the network failed")
        return without_room(frame)

    watched = play(enough, respond=respond, pixel_format=pixel_format)
    assert {picture.pixel_format for picture in watched.filtered} == {pixel_format}
    assert watched.cards
    assert not watched.leaks
    assert shows_room((0.8 * scene() + 0.2 * 128).astype(np.uint8))
    assert not shows_room(without_room(Frame(scene(), 0, 0)))


def test_the_search_finds_the_room_in_a_session_that_may_show_it() -> None:
    sink = play(
        enough,
        respond=lambda frame: frame.image,
        settings=replace(SETTINGS, background="none"),
    )
    assert sink.leaks


def test_a_session_that_works() -> None:
    assert not play(enough).leaks


def test_while_the_network_is_loading() -> None:
    release = threading.Event()

    def build(settings: Settings, size: Size) -> Pipeline:
        release.wait(GENEROUS_S)
        return FakePipeline()

    def done(live: Session, sink: Watched) -> bool:
        if len(sink.cards) > 5:
            release.set()
        return enough(live, sink)

    sink = play(done, build=build)
    assert not sink.leaks
    assert all(picture.private for picture in sink.pictures[:5])


def _raise(frame: Frame) -> Image:
    raise ModelError("the network returned NaN")


@pytest.mark.parametrize(
    "wrong",
    [
        _raise,
        lambda frame: 1 / 0,
        lambda frame: frame.image,
        lambda frame: frame.image[::-1],
        lambda frame: frame.image[:24],
        lambda frame: np.repeat(frame.image, 2, axis=0),
        lambda frame: frame.image.astype(np.float32),
        lambda frame: frame.image[..., :2].copy(),
        lambda frame: frame.image[:0],
    ],
    ids=["raises", "defect", "raw", "flipped", "cut", "larger", "float", "channels", "nothing"],
)
@pytest.mark.parametrize("from_frame", [0, 4], ids=["at once", "later"])
def test_a_pipeline_that_goes_wrong(wrong: Callable[[Frame], Image], from_frame: int) -> None:
    def respond(frame: Frame) -> Image:
        return without_room(frame) if frame.index < from_frame else wrong(frame)

    def done(live: Session, sink: Watched) -> bool:
        return live.statistics["frames"]["failed"] > 2 and bool(sink.cards)

    assert not play(done, respond=respond).leaks


def test_a_pipeline_that_hangs_is_covered_by_the_card() -> None:
    release = threading.Event()

    def respond(frame: Frame) -> Image:
        if frame.index >= 4:
            release.wait(GENEROUS_S)
        return without_room(frame)

    def done(live: Session, sink: Watched) -> bool:
        if sink.filtered and len(sink.cards) > 5 and sink.pictures[-1].private:
            release.set()
        return release.is_set() and not sink.pictures[-1].private

    assert not play(done, respond=respond).leaks


def test_a_pipeline_slower_than_a_matte_may_be_old() -> None:
    pause = threading.Event()

    def respond(frame: Frame) -> Image:
        pause.wait(1.5 * SETTINGS.max_matte_age_s)
        return without_room(frame)

    sink = play(lambda live, sink: len(sink.filtered) > 2, respond=respond)
    assert not sink.leaks


def test_a_camera_that_comes_and_goes() -> None:
    class Flaky(FakeCamera):
        def read(self) -> Frame:
            if self._index == 4:
                raise SourceError("unplugged")
            return super().read()

    def done(live: Session, sink: Watched) -> bool:
        return live.statistics["source"]["reconnects"] > 0 and not sink.pictures[-1].private

    sink = play(done, open_source=Flaky)
    assert not sink.leaks
    assert any(picture.private for picture in sink.since_first_frame[:-1])


def test_a_camera_that_stalls() -> None:
    release = threading.Event()

    class Stalling(FakeCamera):
        def read(self) -> Frame:
            if self._index == 4:
                release.wait(GENEROUS_S)
            return super().read()

    def done(live: Session, sink: Watched) -> bool:
        if sink.filtered and sink.pictures[-1].private:
            release.set()
        return release.is_set() and not sink.pictures[-1].private

    assert not play(done, open_source=Stalling).leaks


@pytest.mark.parametrize("changed", [(48, 64), (128, 96), (20, 10)])
def test_another_resolution_in_mid_stream(changed: Size) -> None:
    def at(index: int) -> Image:
        return scene(SIZE if index < 5 else changed)

    def done(live: Session, sink: Watched) -> bool:
        return bool(sink.filtered) and sink.filtered[-1].index > 8

    sink = play(done, open_source=lambda: FakeCamera(at=at))
    assert not sink.leaks
    assert {picture.size for picture in sink.pictures} == {SIZE}


def test_a_change_of_settings_and_of_the_network() -> None:
    wanted: Iterator[Settings] = iter(
        [
            replace(SETTINGS, background="gray"),
            replace(SETTINGS, model="deeplabv3_resnet50"),
            replace(SETTINGS, background="white"),
        ]
    )
    current = SETTINGS

    def done(live: Session, sink: Watched) -> bool:
        nonlocal current
        if live.settings != current or not enough(live, sink):
            return False
        following = next(wanted, None)
        if following is None:
            return True
        current = following
        live.change(current)
        return False

    assert not play(done).leaks


OTHER_NETWORK = replace(SETTINGS, model="deeplabv3_resnet50")


def test_while_another_network_is_loaded_the_filter_goes_on() -> None:
    release = threading.Event()
    seen: list[int] = []

    def build(settings: Settings, size: Size) -> Pipeline:
        if settings.model == OTHER_NETWORK.model:
            release.wait(GENEROUS_S)
        return FakePipeline()

    def done(live: Session, sink: Watched) -> bool:
        if not seen and enough(live, sink):
            live.change(OTHER_NETWORK)
            seen.append(len(sink.pictures))
        if seen and len(sink.pictures) > seen[0] + 10:
            release.set()
        return live.settings == OTHER_NETWORK and len(sink.pictures) > seen[0] + 20

    sink = play(done, build=build)
    assert not sink.leaks
    assert not any(picture.private for picture in sink.pictures[seen[0] : -1])


@pytest.mark.parametrize("wrong", [_raise, lambda frame: frame.image], ids=["raises", "raw"])
def test_another_network_that_goes_wrong(wrong: Callable[[Frame], Image]) -> None:
    changed: list[int] = []

    def build(settings: Settings, size: Size) -> Pipeline:
        return FakePipeline(wrong if settings.model == OTHER_NETWORK.model else without_room)

    def done(live: Session, sink: Watched) -> bool:
        if not changed and enough(live, sink):
            live.change(OTHER_NETWORK)
            changed.append(len(sink.pictures))
        refused = live.requested == SETTINGS
        return bool(changed) and (refused or live.statistics["frames"]["failed"] > 2)

    assert not play(done, build=build).leaks


def test_another_network_that_cannot_be_loaded() -> None:
    changed: list[int] = []

    def build(settings: Settings, size: Size) -> Pipeline:
        if settings.model == OTHER_NETWORK.model:
            raise ModelError("there is no such network")
        return FakePipeline()

    def done(live: Session, sink: Watched) -> bool:
        if not changed and enough(live, sink):
            live.change(OTHER_NETWORK)
            changed.append(len(sink.pictures))
        return bool(changed) and live.requested == SETTINGS and len(sink.pictures) > changed[0] + 10

    sink = play(done, build=build)
    assert not sink.leaks
    assert not any(picture.private for picture in sink.pictures[changed[0] : -1])


def test_hiding_the_room_together_with_another_network_does_not_wait_for_it() -> None:
    release = threading.Event()
    shown: list[int] = []
    raw = replace(SETTINGS, background="none")

    class Switching(FakePipeline):
        def reconfigure(self, settings: Settings, plate: Plate | None = None) -> None:
            self.respond = without_room

    def build(settings: Settings, size: Size) -> Pipeline:
        if settings.model == OTHER_NETWORK.model:
            release.wait(GENEROUS_S)
            return FakePipeline()
        return Switching(lambda frame: frame.image)

    def done(live: Session, sink: Watched) -> bool:
        if not shown and enough(live, sink):
            live.change(OTHER_NETWORK)
        if not shown and not live.settings.background.shows_room:
            # What was admitted before may be on its way to the sink for one picture more.
            shown.append(len(sink.pictures) + 1)
        if shown and len(sink.pictures) > shown[0] + 10:
            release.set()
        return live.settings == OTHER_NETWORK

    sink = play(done, build=build, settings=raw)
    assert sink.leaks
    assert max(sink.leaks) <= shown[0]


def test_a_sink_that_is_opened_again() -> None:
    opened = 0

    def open_sink(sink: Watched) -> Sink:
        nonlocal opened
        opened += 1
        sink.fail = sink.closed = False
        return sink

    def done(live: Session, sink: Watched) -> bool:
        if opened == 1 and sink.filtered:
            sink.fail = True
        return opened > 1 and enough(live, sink)

    assert not play(done, open_sink=open_sink, retry=True).leaks


def test_the_last_picture_left_behind_is_the_card() -> None:
    sink = play(enough)
    assert sink.pictures[-1].private
    assert not shows_room(sink.pictures[-1].image)


def test_the_last_picture_after_a_crash_is_the_card() -> None:
    class Crashing(FakePipeline):
        def process(
            self, frame: Frame, *, want_alpha: bool = False, pixel_format: PixelFormat = BGR
        ) -> Composite | None:
            if frame.index > 4:
                raise SystemExit("crash")
            return super().process(frame, want_alpha=want_alpha, pixel_format=pixel_format)

    sink = Watched()
    live = Session(
        SETTINGS,
        source=FakeCamera,
        sinks=[sink],
        build=lambda settings, size: Crashing(),
    )
    with pytest.raises(Exception, match="crash"):
        live.run(seconds=GENEROUS_S)
    assert not sink.leaks
    assert sink.pictures[-1].private


def test_a_sink_that_fails_for_good_gets_nothing_more() -> None:
    sink = Watched()
    live = Session(
        SETTINGS,
        source=FakeCamera,
        sinks=[sink],
        build=lambda settings, size: FakePipeline(),
    )

    def break_it() -> None:
        sink.fail = bool(sink.filtered)

    with pytest.raises(SinkError):
        live.run(seconds=GENEROUS_S, on_tick=break_it)
    assert not sink.leaks
