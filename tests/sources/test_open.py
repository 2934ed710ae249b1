from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import ClassVar

import cv2
import pytest

from livebg.clock import ManualClock
from livebg.config.camera import CameraSelector, parse_camera
from livebg.config.settings import Settings
from livebg.platform.cameras import CameraMode
from livebg.sources.base import SourceInfo
from livebg.sources.open import LiveSource, open_live, source_report
from livebg.sources.paced import PacedVideo
from tests.support.scenes import SyntheticScene


def test_a_video_file_pretends_to_be_a_camera(talking_head_clip: Path) -> None:
    clock = ManualClock()
    with open_live(parse_camera(str(talking_head_clip)), size=None, fps=30, clock=clock) as source:
        assert isinstance(source, PacedVideo)
        assert source.info.live
        assert source.info.size == (640, 360)
        count = 80  # the clip has 72 frames: this goes round
        frames = [source.read() for _ in range(count)]
    assert [frame.index for frame in frames] == list(range(count))
    rate = source.info.frame_rate
    assert rate is not None
    # Times in the file are rounded to its own time base.
    assert frames[-1].captured_ns / 1e9 == pytest.approx(float((count - 1) / rate), abs=0.01)


def test_a_folder_of_pictures_pretends_to_be_a_camera(tmp_path: Path) -> None:
    for frame in SyntheticScene((64, 64), frame_count=2):
        cv2.imwrite(str(tmp_path / f"{frame.index}.png"), frame.image)
    with open_live(parse_camera(str(tmp_path)), size=None, fps=12.5, clock=ManualClock()) as source:
        assert source.info.frame_rate == Fraction(25, 2)
        assert [source.read().index for _ in range(5)] == [0, 1, 2, 3, 4]


ASKED = CameraMode("MJPG", (1280, 720), (Fraction(30),))
NETWORK = CameraMode("h264", (640, 480), ())


@pytest.mark.parametrize(
    ("name", "asked", "granted", "report"),
    [
        (
            "Desk",
            ASKED,
            ASKED,
            ["Desk: asked for 1280x720 MJPG at 30 frames/s, got 1280x720 MJPG at 30 frames/s"],
        ),
        (
            "Desk",
            ASKED,
            CameraMode("YUYV", (640, 480), (Fraction(15),)),
            [
                "Desk: asked for 1280x720 MJPG at 30 frames/s, got 640x480 YUYV at 15 frames/s",
                "warning: Desk sends 640x480 instead of 1280x720 and sends YUYV instead of MJPG "
                "and makes 15 frames/s instead of 30 frames/s; `livebg cameras` lists what each "
                "camera can do",
            ],
        ),
        ("Desk", None, NETWORK, ["Desk: got 640x480 h264"]),
        (
            "rtsp://desk",
            CameraMode("", (320, 240)),
            NETWORK,
            [
                "rtsp://desk: asked for 320x240, got 640x480 h264",
                "warning: rtsp://desk sends 640x480 instead of 320x240; a camera in the network "
                "is set up on itself",
            ],
        ),
        ("talk.mp4", None, None, ["talk.mp4, 640x480"]),
    ],
)
def test_a_report_warns_of_what_is_lacking(
    name: str, asked: CameraMode | None, granted: CameraMode | None, report: list[str]
) -> None:
    info = SourceInfo(name, (640, 480), None, None, live=True, asked=asked, granted=granted)
    assert source_report(info) == report


class Reopened:
    def __init__(self, camera: Path | str) -> None:
        self.said: list[str] = []
        self.settings = Settings(camera=str(camera))
        self.source = LiveSource(self.settings, loop=True, notice=self.said.append)

    def opened(self) -> str:
        with self.source.open() as source:
            return source.info.name

    def request(self, camera: str) -> None:
        self.source.request(replace(self.settings, camera=camera))


@pytest.fixture
def reopened(talking_head_clip: Path) -> Reopened:
    return Reopened(talking_head_clip)


def test_the_same_source_is_opened_again(reopened: Reopened) -> None:
    assert reopened.opened() == reopened.opened() == "single_face.mp4"


def test_another_source_is_opened_from_then_on(
    reopened: Reopened, clip: Callable[[str], Path]
) -> None:
    reopened.opened()
    reopened.request(str(clip("no_face.mp4")))
    assert reopened.opened() == reopened.opened() == "no_face.mp4"
    (said,) = reopened.said
    assert said.startswith("no_face.mp4, ")


def test_one_that_cannot_be_opened_is_refused_and_the_old_one_stays(
    reopened: Reopened, tmp_path: Path
) -> None:
    reopened.opened()
    (tmp_path / "broken.mp4").write_text("no video")
    reopened.request(str(tmp_path / "broken.mp4"))
    assert reopened.opened() == reopened.opened() == "single_face.mp4"
    (said,) = reopened.said
    assert "broken.mp4" in said
    assert said.endswith("the camera stays as it was")


class FakeCamera:
    """A camera that comes back under another number, and gives less each time."""

    sizes: ClassVar = [(1280, 720), (1280, 720), (640, 480)]
    selectors: ClassVar[list[str]] = []

    def __init__(self, selector: CameraSelector, **request: object) -> None:
        self.id = "usb-1#0"
        granted = CameraMode("MJPG", self.sizes[len(self.selectors)])
        asked = CameraMode("MJPG", (1280, 720))
        self.selectors.append(str(selector))
        self.info = SourceInfo(
            "Desk", granted.size, None, None, live=True, asked=asked, granted=granted
        )


def test_a_camera_is_found_again_by_its_id_and_told_of_where_it_is_different(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("livebg.sources.camera.Camera", FakeCamera)
    reopened = Reopened("0")
    for _ in FakeCamera.sizes:
        reopened.source.open()
    assert FakeCamera.selectors == ["0", "usb-1#0", "usb-1#0"]
    assert reopened.said == [
        "Desk: asked for 1280x720 MJPG, got 640x480 MJPG",
        "warning: Desk sends 640x480 instead of 1280x720; `livebg cameras` lists what each camera "
        "can do",
    ]
