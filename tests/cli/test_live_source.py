from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from livebg.cli.live_source import LiveSource
from livebg.config.schema import Settings
from livebg.errors import InputError
from livebg.source.base import SourceInfo
from livebg.source.modes import CameraMode


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
    monkeypatch.setattr("livebg.source.camera.Camera", FakeCamera)
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
