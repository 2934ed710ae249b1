import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from livebg.config.settings import Settings
from livebg.errors import (
    EndOfStreamError,
    InputError,
    ModelError,
    SessionError,
    SettingsError,
    SinkError,
    SinkUnavailableError,
    SourceError,
    UsageError,
)
from livebg.frame import BGR, Composite, Frame, Image, PixelFormat, Size
from livebg.live.session import Session
from livebg.pipeline import Pipeline
from livebg.sinks.base import Sink
from livebg.sources.base import Source
from tests.support.fakes import (
    GENEROUS_S,
    SIZE,
    FakeCamera,
    FakePipeline,
    KeepingSink,
    scene,
    without_room,
)
from tests.support.waiting import wait_until

I420 = PixelFormat("i420", "bt601")


def camera_that_ends(count: int, error: BaseException) -> FakeCamera:
    """Return a camera that raises ``error`` after ``count`` frames."""

    def picture(index: int) -> Image:
        if index == count:
            raise error
        return scene()

    return FakeCamera(at=picture)


def session(*sinks: Sink | Callable[[], Sink], **options: Any) -> Session:
    """Return a session whose source and pipeline are fakes, unless ``options`` name others."""
    fakes: dict[str, Any] = {"source": FakeCamera, "build": lambda settings, size: FakePipeline()}
    return Session(Settings(), sinks=sinks, **(fakes | options))


def cannot_build(settings: Settings, size: Size) -> Pipeline:
    raise ModelError("the weights are broken")


def run_until(live: Session, done: Callable[[], bool]) -> None:
    def tick() -> None:
        if done():
            live.stop()

    live.run(seconds=GENEROUS_S, on_tick=tick)
    assert live.statistics["ended"] != "time is up"


@pytest.mark.parametrize(
    ("wanted", "got"),
    [
        ([I420], I420),
        ([I420, None, I420], I420),
        ([I420, BGR], BGR),
        ([I420, replace(I420, matrix="bt709")], BGR),
    ],
)
def test_composites_come_in_the_format_that_all_sinks_want(
    wanted: list[PixelFormat | None], got: PixelFormat
) -> None:
    sinks = [KeepingSink(f"sink {n}", each) for n, each in enumerate(wanted)]
    run_until(live := session(*sinks), lambda: all(sink.filtered for sink in sinks))
    assert live.statistics["frames"]["failed"] == 0
    for sink in sinks:
        assert {picture.pixel_format for picture in sink.filtered} == {got}
        assert {picture.size for picture in sink.pictures} == {SIZE}
        assert sink.closed


def test_it_ends_with_the_source_and_the_summary_counts_all_frames() -> None:
    sink = KeepingSink()
    live = session(sink, source=camera_that_ends(10, EndOfStreamError("the video is over")))
    live.run(seconds=GENEROUS_S)
    assert sink.filtered[-1].index == 9
    summary = live.statistics
    frames = summary["frames"]
    assert summary["ended"] == "end of the source"
    assert frames["in"] == frames["out"] + frames["dropped"] == 10
    assert summary["sinks"]["keeper"]["sent"] == len(sink.pictures) - 1
    assert (summary["inference"]["count"], summary["inference"]["share"]) == (3, 0.75)
    assert 0 < summary["latency_ms"]["p50"] < 1e3 * GENEROUS_S
    assert summary["time_to_first_frame_s"] > 0
    assert live.info.size == SIZE


def test_it_ends_when_the_time_is_up() -> None:
    live = session(KeepingSink())
    live.run(seconds=0.05)
    assert live.statistics["ended"] == "time is up"


def test_a_window_is_fed_by_the_calling_thread_and_ends_the_session_when_it_is_closed() -> None:
    threads: set[str] = set()

    class Window(KeepingSink):
        in_main_thread = True

        def send(self, composite: Composite) -> None:
            threads.add(threading.current_thread().name)
            super().send(composite)

    window, recording = Window("window"), KeepingSink("recording")

    def close_later() -> None:
        window.fail = bool(recording.filtered and window.filtered)

    live = session(recording, window)
    live.run(seconds=GENEROUS_S, on_tick=close_later)
    assert live.statistics["ended"] == "window closed"
    assert threads == {threading.current_thread().name}
    assert window.closed


def test_a_failing_sink_does_not_stop_the_others() -> None:
    good, bad = KeepingSink("good"), KeepingSink("bad")
    bad.fail = True
    notices: list[str] = []
    live = session(good, bad, notice=notices.append)
    with pytest.raises(SinkError, match="bad is out of order"):
        run_until(live, lambda: bool(notices) and len(good.filtered) > 5)
    assert notices == ["bad is out of order; the session goes on without it"]
    assert live.statistics["sinks"]["bad"]["error"] == "bad is out of order"
    assert good.closed


def test_it_ends_when_every_sink_has_failed() -> None:
    sink = KeepingSink()
    sink.fail = True
    live = session(sink)
    with pytest.raises(SinkError, match="out of order"):
        live.run(seconds=GENEROUS_S)
    assert live.statistics["ended"] == "error"


def test_a_capture_thread_that_crashes_is_no_end_of_the_source() -> None:
    live = session(KeepingSink(), source=camera_that_ends(3, SystemExit("crash")))
    with pytest.raises(SessionError, match="crash"):
        live.run(seconds=GENEROUS_S)
    assert live.statistics["ended"] == "error"


def test_a_pipeline_that_cannot_be_built_ends_it_behind_the_card() -> None:
    sink = KeepingSink()
    with pytest.raises(ModelError, match="weights are broken"):
        session(sink, build=cannot_build).run(seconds=GENEROUS_S)
    assert not sink.filtered
    assert sink.pictures[-1].private


def test_a_background_that_cannot_be_read_is_refused_before_a_camera_is_opened(
    tmp_path: Path,
) -> None:
    (tmp_path / "room.png").write_text("no picture")

    def camera() -> Source:
        raise AssertionError("the camera was opened")

    with pytest.raises(InputError, match=r"room\.png"):
        Session(background=str(tmp_path / "room.png"), source=camera)


def test_what_was_opened_is_released_when_a_source_or_sink_is_refused() -> None:
    def refuse() -> Any:
        raise SinkUnavailableError("there is no such device")

    camera, first = FakeCamera(), KeepingSink("first")
    with pytest.raises(SinkUnavailableError):
        session(first, refuse, source=lambda: camera)
    assert camera.closed.is_set()
    assert first.aborted
    with pytest.raises(SinkUnavailableError):
        session(second := KeepingSink(), source=refuse)
    assert second.aborted


def test_an_interrupt_still_closes_everything() -> None:
    sink = KeepingSink()
    live = session(sink)

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        live.run(on_tick=interrupt)
    assert sink.closed


@pytest.mark.parametrize(
    ("stage", "thread"),
    [("source", "capture"), ("pipeline", "process"), ("build", "process"), ("sink", "hung")],
)
def test_a_hung_stage_does_not_hold_the_shutdown(stage: str, thread: str) -> None:
    entered, release = threading.Event(), threading.Event()

    def hang_in(here: str) -> None:
        if here == stage:
            entered.set()
            release.wait(GENEROUS_S)

    def picture(index: int) -> Image:
        if index == 3:
            hang_in("source")
        return scene()

    class HangingSink(KeepingSink):
        def send(self, composite: Composite) -> None:
            hang_in("sink")
            super().send(composite)

    def respond(frame: Frame) -> Image:
        hang_in("pipeline")
        return without_room(frame)

    def build(settings: Settings, size: Size) -> Pipeline:
        hang_in("build")
        return FakePipeline(respond)

    other = KeepingSink("other")
    live = session(HangingSink("hung"), other, source=FakeCamera(at=picture), build=build)
    run_until(live, entered.is_set)
    release.set()
    assert thread in live.unfinished  # on a busy machine others may be late, too
    wait_until(lambda: other.closed)


def test_pausing_shows_the_card_until_it_is_over() -> None:
    sink = KeepingSink()
    live = session(sink)
    shown: list[bool] = []

    def done() -> bool:
        if not sink.pictures or sink.pictures[-1].private is not live.paused:
            return False
        if sink.filtered:
            shown.append(live.paused)
            live.pause(not live.paused)
        return len(shown) == 3

    run_until(live, done)
    assert shown == [False, True, False]


def test_on_demand_the_camera_is_open_only_while_somebody_watches() -> None:
    sink = KeepingSink()
    sink.readers = False
    cameras: list[FakeCamera] = []

    def open_camera() -> Source:
        cameras.append(FakeCamera())
        return cameras[-1]

    live = session(sink, source=open_camera, on_demand=True)

    def done() -> bool:
        if live.resting and sink.cards and len(cameras) == 1:
            assert cameras[0].closed.is_set() and not sink.filtered
            sink.readers = True
        return len(sink.filtered) > 3

    run_until(live, done)
    assert live.can_rest
    assert len(cameras) == 2
    assert live.statistics["source"]["wake_ms"]["count"] == 1


@pytest.mark.parametrize(("on_demand", "readers"), [(True, None), (False, False)])
def test_the_camera_stays_on_where_no_sink_can_tell_or_the_user_did_not_ask(
    on_demand: bool, readers: bool | None
) -> None:
    sink = KeepingSink()
    sink.readers = readers
    live = session(sink, on_demand=on_demand)
    run_until(live, lambda: len(sink.filtered) > 3)
    assert live.statistics["source"]["wakes"] == 0


def test_a_with_block_runs_it_in_the_background_and_settings_change_between_two_frames() -> None:
    sink, pipeline = KeepingSink(), FakePipeline()
    with session(sink, build=lambda settings, size: pipeline) as live:
        wait_until(lambda: len(sink.filtered) > 3)
        assert not live.wait(0.0)
        live.change(background="gray")
        wait_until(lambda: live.settings == Settings(background="gray"))
    assert live.settings in pipeline.reconfigured
    assert not any(picture.private for picture in sink.since_first_frame[:-1])
    assert sink.closed
    assert live.statistics["ended"] == "stopped"
    live.close()


def test_what_ends_it_in_the_background_is_raised_at_the_end_of_the_block() -> None:
    failing = session(KeepingSink(), build=cannot_build)
    with pytest.raises(ModelError, match="weights are broken"), failing:
        pass
    with pytest.raises(KeyError), session(KeepingSink(), build=cannot_build) as live:
        live.wait(GENEROUS_S)
        raise KeyError("the block's own error comes first")


def test_a_window_cannot_run_in_the_background() -> None:
    window = KeepingSink("window")
    window.in_main_thread = True
    with pytest.raises(UsageError, match=r"call Session\.run"), session(window):
        pass
    assert window.aborted


def test_one_that_never_ran_can_be_closed() -> None:
    camera, sink = FakeCamera(), KeepingSink()
    live = session(sink, source=lambda: camera)
    live.close()
    assert camera.closed.is_set()
    assert sink.aborted


def test_a_source_that_was_given_open_is_not_opened_again() -> None:
    notices: list[str] = []
    camera = camera_that_ends(3, SourceError("the camera is gone"))
    live = session(KeepingSink(), source=camera, notice=notices.append)
    run_until(live, lambda: len(notices) > 1)
    assert notices[0] == "the camera is gone"
    assert "cannot be opened again" in notices[1]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"backround": "blur"}, "background"),
        ({"settings": Settings(), "background": "blur"}, "either whole settings"),
        ({"sinks": ["widow"]}, "did you mean 'window'"),
        ({"sinks": ["record"]}, "choose window, virtual-camera"),
    ],
)
def test_what_is_not_understood_is_refused(wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        Session(source=FakeCamera(), **wrong)


def test_an_unknown_setting_is_refused_while_it_runs() -> None:
    live = session(KeepingSink())
    with pytest.raises(SettingsError, match="mirror"):
        live.change(miror=True)
    live.close()
