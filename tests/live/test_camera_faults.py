"""Real network cameras that misbehave, on loopback: the session goes on and hides the room."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from livebg.config.settings import Settings
from livebg.frame import Composite, Frame, Image
from livebg.live.session import Session
from tests.support.fakes import GENEROUS_S, PLATE, FakePipeline, KeepingSink, scene, shows_room
from tests.support.pretend_camera import Mood, PretendCamera, pretend_camera
from tests.support.rtsp_camera import RtspCamera, rtsp_camera

SIZE = (320, 240)


Camera = PretendCamera | RtspCamera


@pytest.fixture
def camera(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Camera]:
    """The camera that a test asks for by its protocol, ``http`` unless it does."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    rtsp = getattr(request, "param", "http") == "rtsp"
    with rtsp_camera(scene(SIZE)) if rtsp else pretend_camera([scene(SIZE)]) as camera:
        yield camera


def person_only(frame: Frame) -> Image:
    """Keep the middle of the person, away from what JPEG smears along the outline."""
    width, height = frame.size
    image = np.full_like(frame.image, PLATE)
    middle = np.s_[height // 3 :, width // 3 : -width // 3]
    image[middle] = frame.image[middle]
    return image


class CountingSink(KeepingSink):
    """Counts filtered pictures and cards; forgets the pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.leaks = 0
        self.counts = {False: 0, True: 0}

    def send(self, composite: Composite) -> None:
        self.leaks += shows_room(composite.image)
        self.counts[composite.private] += 1


class FaultBench:
    """A session on the camera, and what shall happen in it one after the other."""

    def __init__(self, camera: Camera) -> None:
        self.camera = camera
        self.sink = CountingSink()
        self.notices: list[str] = []
        self.session = Session(
            Settings(camera=camera.url),
            sinks=[self.sink],
            loop=False,
            build=lambda settings, size: FakePipeline(person_only),
            notice=self.notices.append,
        )

    def play(self, *steps: Callable[[], Any]) -> None:
        """Take the next step once the one before returned something true; stop after the last."""
        left = list(steps)

        def tick() -> None:
            if left and left[0]():
                left.pop(0)
            if not left:
                self.session.stop()

        self.session.run(seconds=GENEROUS_S, on_tick=tick)
        assert not left
        assert not self.sink.leaks

    def more(self, count: int, *, cards: bool = False) -> Callable[[], bool]:
        """Return a step that waits for ``count`` more frames, or cards."""
        start: list[int] = []

        def step() -> bool:
            start.append(self.sink.counts[cards])
            return self.sink.counts[cards] >= start[0] + count

        return step

    def turn(self, mood: Mood) -> Callable[[], bool]:
        def step() -> bool:
            self.camera.mood = mood
            return True

        return step


@pytest.mark.parametrize(
    ("camera", "mood", "said"),
    [
        ("http", "gone", "stopped delivering pictures"),
        ("http", "silent", "stopped delivering pictures"),
        ("http", "black", "delivers black pictures only"),
        ("http", "corrupt", ""),
        ("rtsp", "gone", "stopped delivering pictures"),
        ("rtsp", "silent", "stopped delivering pictures"),
    ],
    indirect=["camera"],
)
def test_a_camera_that_shows_nothing_is_covered_by_the_card_until_it_is_back(
    camera: Camera, mood: Mood, said: str
) -> None:
    bench = FaultBench(camera)
    bench.play(
        bench.more(5),
        bench.turn(mood),
        lambda: bench.notices,
        bench.more(5, cards=True),
        lambda: mood != "gone" or camera.visits > 3,
        bench.turn("well"),
        bench.more(5),
    )
    assert said in bench.notices[0]
    assert bench.notices[-1] == f"{camera.url} is back"
    assert len(bench.notices) == len(set(bench.notices))
    assert bench.session.statistics["source"]["reconnects"] > 0
    assert camera.visits > 1


@pytest.mark.parametrize("mood", ["cut", "slow", "small"])
def test_a_camera_that_is_worse_than_before_goes_on(camera: Camera, mood: Mood) -> None:
    bench = FaultBench(camera)
    bench.play(bench.more(5), bench.turn(mood), bench.more(5), bench.turn("well"), bench.more(5))
