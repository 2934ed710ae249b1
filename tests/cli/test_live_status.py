from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import ClassVar

import pytest

from livebg.cli.live_status import LiveLine, LiveSource, describe, source_report
from livebg.clock import ManualClock
from livebg.config.settings import Settings
from livebg.errors import InputError
from livebg.live.statistics import StatisticsSnapshot
from livebg.platform.camera_modes import CameraMode
from livebg.sources.base import SourceInfo

ASKED = CameraMode("MJPG", (1280, 720), (Fraction(30),))


def camera(asked: CameraMode | None, granted: CameraMode, name: str = "Desk") -> SourceInfo:
    rate = granted.rates[0] if granted.rates else None
    return SourceInfo(name, granted.size, rate, None, live=True, asked=asked, granted=granted)


def test_a_camera_that_gives_what_it_was_asked_for() -> None:
    assert source_report(camera(ASKED, ASKED)) == [
        "Desk: asked for 1280x720 MJPG at 30 frames/s, got 1280x720 MJPG at 30 frames/s"
    ]


def test_a_shortfall_is_a_warning_in_words() -> None:
    granted = CameraMode("YUYV", (640, 480), (Fraction(15),))
    assert source_report(camera(ASKED, granted)) == [
        "Desk: asked for 1280x720 MJPG at 30 frames/s, got 640x480 YUYV at 15 frames/s",
        "warning: Desk sends 640x480 instead of 1280x720 and sends YUYV instead of MJPG and "
        "makes 15 frames/s instead of 30 frames/s; `livebg cameras` lists what each camera can do",
    ]


def test_a_camera_that_was_asked_for_nothing() -> None:
    granted = CameraMode("h264", (640, 480), ())
    assert source_report(camera(None, granted)) == ["Desk: got 640x480 h264"]


def test_a_camera_in_the_network_is_not_listed_here() -> None:
    granted = CameraMode("h264", (640, 480), ())
    report = source_report(camera(CameraMode("", (320, 240)), granted, "rtsp://desk"))
    assert report == [
        "rtsp://desk: asked for 320x240, got 640x480 h264",
        "warning: rtsp://desk sends 640x480 instead of 320x240; a camera in the network is set up "
        "on itself",
    ]


def test_a_file() -> None:
    info = SourceInfo("talk.mp4", (640, 360), None, None, live=True)
    assert source_report(info) == ["talk.mp4, 640x360"]


class Bench:
    def __init__(self, camera: Path) -> None:
        self.said: list[str] = []
        self.settings = Settings(camera=str(camera))
        self.source = LiveSource(self.settings, loop=True, say=self.said.append)

    def opened(self) -> str:
        with self.source.open() as source:
            return source.info.name

    def want(self, camera: str) -> None:
        self.source.want(replace(self.settings, camera=camera))


@pytest.fixture
def bench(talking_head_clip: Path) -> Bench:
    return Bench(talking_head_clip)


def test_the_same_source_is_opened_again(bench: Bench) -> None:
    assert bench.opened() == bench.opened() == "single_face.mp4"


def test_another_source_is_opened_from_then_on(bench: Bench, clip: Callable[[str], Path]) -> None:
    bench.opened()
    bench.want(str(clip("no_face.mp4")))
    assert bench.opened() == bench.opened() == "no_face.mp4"
    assert len(bench.said) == 1
    assert bench.said[0].startswith("no_face.mp4, ")


def test_one_that_cannot_be_opened_is_refused_and_the_old_one_stays(bench: Bench) -> None:
    bench.opened()
    bench.want("/no/such/video.mp4")
    assert bench.opened() == bench.opened() == "single_face.mp4"
    assert len(bench.said) == 1
    assert "/no/such/video.mp4" in bench.said[0]
    assert bench.said[0].endswith("the camera stays as it was")


class FakeCamera:
    """A camera that comes back under another number, and gives less each time."""

    sizes: ClassVar = [(1280, 720), (1280, 720), (640, 480)]
    selectors: ClassVar[list[str]] = []

    def __init__(self, selector: str, **wish: object) -> None:
        self.id = "usb-1#0"
        granted = CameraMode("MJPG", self.sizes[len(self.selectors)])
        asked = CameraMode("MJPG", (1280, 720))
        self.selectors.append(selector)
        self.info = SourceInfo(
            "Desk", granted.size, None, None, live=True, asked=asked, granted=granted
        )


def test_a_camera_is_found_again_by_its_id_and_told_of_where_it_is_different(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("livebg.sources.camera.Camera", FakeCamera)
    bench = Bench(Path("0"))
    for _ in FakeCamera.sizes:
        bench.source.open()
    assert FakeCamera.selectors == ["0", "usb-1#0", "usb-1#0"]
    assert bench.said == [
        "Desk: asked for 1280x720 MJPG, got 640x480 MJPG",
        "warning: Desk sends 640x480 instead of 1280x720; `livebg cameras` lists what each camera "
        "can do",
    ]


def test_the_first_that_cannot_be_opened_is_an_error() -> None:
    with pytest.raises(InputError):
        Bench(Path("/no/such/video.mp4")).opened()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_at_most_four_updates_a_second() -> None:
    clock, terminal = ManualClock(), Terminal()
    line = LiveLine(clock, terminal)
    for frame in range(61):
        line.update(f"frame {frame}")
        clock.advance(1 / 60)
    assert terminal.getvalue().count("frame") <= 5


def test_a_sentence_leaves_the_line_below_it() -> None:
    terminal = Terminal()
    line = LiveLine(ManualClock(), terminal)
    line.update("30 frames/s")
    line.say("the camera is back")
    assert (
        terminal.getvalue() == "\r\x1b[K30 frames/s\r\x1b[Klivebg: the camera is back\n30 frames/s"
    )


def test_a_line_is_cut_to_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    terminal = Terminal()
    line = LiveLine(ManualClock(), terminal)
    line.update("x" * 50)
    assert terminal.getvalue() == "\r\x1b[K" + "x" * 19


def test_a_terminal_that_was_closed_ends_nothing() -> None:
    class Closed(Terminal):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    line = LiveLine(ManualClock(), Closed())
    line.update("30 frames/s")
    line.say("the camera is back")
    line.clear()


def test_where_nobody_watches_there_are_only_sentences() -> None:
    log = io.StringIO()
    line = LiveLine(ManualClock(), log)
    line.update("30 frames/s")
    line.say("the camera is back")
    line.clear()
    assert log.getvalue() == "livebg: the camera is back\n"


def test_clearing_takes_the_line_away_once() -> None:
    terminal = Terminal()
    line = LiveLine(ManualClock(), terminal)
    line.update("30 frames/s")
    line.clear()
    line.clear()
    assert terminal.getvalue() == "\r\x1b[K30 frames/s\r\x1b[K"


def test_numbers_are_rounded_for_people() -> None:
    words = describe(StatisticsSnapshot(29.97, 6.12, 9.44, 0.314, 2))
    assert words == "30.0 frames/s, latency 6 ms (p95 9 ms), CPU 31 %, 2 dropped"


def test_the_networks_rhythm_is_told_once_it_is_known() -> None:
    words = describe(StatisticsSnapshot(29.97, 6.12, 9.44, 0.314, 2, 4.16))
    assert "CPU 31 %, network every 4.2, 2 dropped" in words
