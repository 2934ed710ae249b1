"""Every way to go wrong, with all outputs of ``livebg run`` at once: no picture shows the room.

The sinks are the real ones, as the command line plans them; what lies behind them keeps what it
gets: OpenCV's window, pyvirtualcam's device, the video file, the folder of mattes.

==============================================  ===================================================
before the first matte, while a model loads     ``SlowStart``
a model that cannot be loaded                   ``NoStart``, and in ``OtherSettings``
another model, other settings                   ``OtherSettings``
the network raises, hangs                       ``Spoilt``, ``Hanging``
it returns NaN, the wrong shape, all ones       ``NotANumber``, ``WrongShape``, ``AllOnes``
a matte or a picture too old                    ``LateNetwork``, ``StalledCamera``
the camera lost and found                       ``LostCamera``
another resolution in mid-stream                ``OtherSize``
a sink opened again                             ``BrokenCall``
the last picture, at a shutdown and a crash     all of them, and ``Crash``
==============================================  ===================================================
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from livebg.config.settings import Settings
from livebg.errors import LivebgError, ModelError, SourceError
from livebg.frame import Frame, Image, Matte, Size
from livebg.live.session import Session
from livebg.pipeline import Pipeline
from livebg.sinks import window
from livebg.sources.video import VideoFile
from tests.privacy.test_pipeline_marker import SIZE, FakeNetwork
from tests.support.fakes import GENEROUS_S, FakeCamera, scene, shows_room

SETTINGS = Settings(background="white", every=1, max_matte_age_s=0.2)
WINDOW_VISIBLE = 1.0


class Watchers:
    """What a viewer of each output has seen, in order."""

    def __init__(self) -> None:
        self.window: list[Image] = []
        self.call: list[Image] = []
        self.hang_up = False
        """Whether the call is to break down at its next picture."""

    def in_the_window(self, title: str, image: Image) -> None:
        self.window.append(image.copy())

    def in_the_call(self, planes: Image) -> None:
        if self.hang_up:
            self.hang_up = False
            raise RuntimeError("the device is gone")
        self.call.append(np.asarray(cv2.cvtColor(planes, cv2.COLOR_YUV2BGR_I420), np.uint8))


@pytest.fixture
def watchers(monkeypatch: pytest.MonkeyPatch) -> Watchers:
    watchers = Watchers()
    monkeypatch.setattr(window, "require_display", lambda: None)
    for name in ("namedWindow", "resizeWindow", "destroyWindow"):
        monkeypatch.setattr(cv2, name, lambda *arguments: None)
    monkeypatch.setattr(cv2, "pollKey", lambda: -1)
    monkeypatch.setattr(cv2, "getWindowProperty", lambda *arguments: WINDOW_VISIBLE)
    monkeypatch.setattr(cv2, "imshow", watchers.in_the_window)

    def camera(*arguments: Any, **options: Any) -> SimpleNamespace:
        return SimpleNamespace(device="/dev/video10", send=watchers.in_the_call, close=lambda: None)

    module = SimpleNamespace(Camera=camera, PixelFormat=SimpleNamespace(I420="I420"))
    monkeypatch.setitem(sys.modules, "pyvirtualcam", module)
    monkeypatch.setattr(sys, "platform", "win32")  # where pyvirtualcam itself chooses the device
    return watchers


class Trouble:
    """One way to go wrong: hooks into the camera, the network and the building, and the steps.

    ``over`` is asked again and again, and ends the session.
    """

    settings = SETTINGS

    def __init__(self) -> None:
        self.mattes = 0
        self.release = threading.Event()

    def camera(self) -> FakeCamera:
        return FakeCamera(SIZE, at=self.picture)

    def picture(self, index: int) -> Image:
        return scene(SIZE)

    def spoil(self, matte: Matte) -> Matte:
        self.mattes += 1
        return matte

    def network(self, settings: Settings) -> FakeNetwork:
        return FakeNetwork(self.spoil)

    def over(self, live: Session, watchers: Watchers) -> bool:
        return self.filtered(live) > 12

    @staticmethod
    def filtered(live: Session) -> int:
        return int(live.statistics["frames"]["out"])

    @staticmethod
    def cards(live: Session, name: str = "window") -> int:
        return int(live.statistics["sinks"][name]["cards"])


class Nothing(Trouble):
    pass


class SlowStart(Trouble):
    def network(self, settings: Settings) -> FakeNetwork:
        self.release.wait(GENEROUS_S)
        return super().network(settings)

    def over(self, live: Session, watchers: Watchers) -> bool:
        if self.cards(live) > 3 and self.cards(live, "virtual camera") > 3:
            self.release.set()
        return super().over(live, watchers)


class NoStart(Trouble):
    def network(self, settings: Settings) -> FakeNetwork:
        raise ModelError("the weights are broken")


class Spoilt(Trouble):
    """The network goes wrong at its eighth matte."""

    def spoil(self, matte: Matte) -> Matte:
        matte = super().spoil(matte)
        return matte if self.mattes < 8 else self.spoilt(matte)

    def spoilt(self, matte: Matte) -> Matte:
        raise ModelError("the network failed")

    def over(self, live: Session, watchers: Watchers) -> bool:
        return self.mattes > 12 and self.cards(live) > 3


class NotANumber(Spoilt):
    def spoilt(self, matte: Matte) -> Matte:
        return replace(matte, offset=np.full_like(matte.offset, np.nan))


class WrongShape(Spoilt):
    def spoilt(self, matte: Matte) -> Matte:
        return replace(matte, offset=matte.offset[:10])


class AllOnes(Spoilt):
    def spoilt(self, matte: Matte) -> Matte:
        return replace(matte, offset=np.ones_like(matte.offset), coarse=np.ones_like(matte.coarse))

    def over(self, live: Session, watchers: Watchers) -> bool:
        return self.mattes > 20


class Hanging(Spoilt):
    def spoilt(self, matte: Matte) -> Matte:
        self.release.wait(GENEROUS_S)
        return matte

    def over(self, live: Session, watchers: Watchers) -> bool:
        if self.mattes >= 8 and self.cards(live) > 3 and self.cards(live, "virtual camera") > 3:
            self.release.set()
        return self.release.is_set() and self.mattes > 16


class LostCamera(Trouble):
    def camera(self) -> FakeCamera:
        trouble = self

        class Flaky(FakeCamera):
            def read(self) -> Frame:
                if self._index == 8 and not trouble.release.is_set():
                    trouble.release.set()
                    raise SourceError("unplugged")
                return super().read()

        return Flaky(SIZE, at=self.picture)

    def over(self, live: Session, watchers: Watchers) -> bool:
        return self.filtered(live) > 20


class LateNetwork(Spoilt):
    """Every matte from the eighth on is older than one may be when it comes."""

    def spoilt(self, matte: Matte) -> Matte:
        self.release.wait(2 * SETTINGS.max_matte_age_s)
        return matte

    def over(self, live: Session, watchers: Watchers) -> bool:
        return self.mattes > 11


class StalledCamera(Trouble):
    """The camera is silent at its eighth picture, for as long as a picture may be old and more."""

    def __init__(self) -> None:
        super().__init__()
        self.before: int | None = None
        self.stalled = threading.Event()

    def picture(self, index: int) -> Image:
        if index == 8:
            self.stalled.set()
            self.release.wait(GENEROUS_S)
        return super().picture(index)

    def over(self, live: Session, watchers: Watchers) -> bool:
        cards = self.cards(live)
        if self.stalled.is_set() and self.before is None:
            self.before = cards
        if self.before is not None and cards > self.before + 3:
            self.release.set()
        return self.release.is_set() and self.filtered(live) > 12


class BrokenCall(Trouble):
    """The call breaks down, and the virtual camera is opened again."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = 0

    def over(self, live: Session, watchers: Watchers) -> bool:
        if not self.seen and self.filtered(live) > 8:
            self.seen, watchers.hang_up = len(watchers.call), True
        return self.seen > 0 and not watchers.hang_up and len(watchers.call) > self.seen + 8


class OtherSize(Trouble):
    def picture(self, index: int) -> Image:
        return scene(SIZE if index < 8 else (SIZE[1], SIZE[0]))

    def over(self, live: Session, watchers: Watchers) -> bool:
        return self.filtered(live) > 20


class OtherSettings(Trouble):
    """Another background, another network, one that cannot be had, and mirrored."""

    def __init__(self) -> None:
        super().__init__()
        self.wishes = [
            replace(SETTINGS, background="color:#204060"),
            replace(SETTINGS, model="deeplabv3_resnet50"),
            replace(SETTINGS, model="broken"),
            replace(SETTINGS, mirror=True),
        ]

    def network(self, settings: Settings) -> FakeNetwork:
        if settings.model == "broken":
            raise ModelError("the weights are broken")
        return super().network(settings)

    def over(self, live: Session, watchers: Watchers) -> bool:
        if self.filtered(live) < 8 or live.settings != live.requested:
            return False
        if not self.wishes:
            return True
        live.change(self.wishes.pop(0))
        return False


class Crash(Trouble):
    def picture(self, index: int) -> Image:
        if index == 8:
            raise SystemExit("crash")
        return super().picture(index)

    def over(self, live: Session, watchers: Watchers) -> bool:
        return False


TROUBLES: list[Callable[[], Trouble]] = [
    Nothing,
    SlowStart,
    NoStart,
    Spoilt,
    NotANumber,
    WrongShape,
    AllOnes,
    Hanging,
    LateNetwork,
    StalledCamera,
    LostCamera,
    BrokenCall,
    OtherSize,
    OtherSettings,
    Crash,
]


def play(trouble: Trouble, sinks: Sequence[str], watchers: Watchers) -> None:
    def build(settings: Settings, size: Size) -> Pipeline:
        return Pipeline(settings, size, segmenter=trouble.network(settings), live=True)

    live = Session(
        trouble.settings,
        source=trouble.camera,
        sinks=sinks,
        build=build,
    )

    def tick() -> None:
        if trouble.over(live, watchers):
            live.stop()

    try:
        live.run(seconds=GENEROUS_S, on_tick=tick)
    except LivebgError:
        assert isinstance(trouble, NoStart | Crash)
    finally:
        trouble.release.set()
    assert live.statistics["ended"] != "time is up"


def is_card(image: Image) -> bool:
    """Say whether a picture is dark but for a sentence; the plate here is white."""
    return bool(np.median(image) < 80)


def recorded(path: Path) -> Iterator[Image]:
    if path.exists():
        with VideoFile(path) as video:
            for frame in video:
                yield frame.image


@pytest.mark.parametrize("trouble", TROUBLES)
def test_no_output_shows_the_room(
    trouble: Callable[[], Trouble], watchers: Watchers, tmp_path: Path
) -> None:
    files = [f"record:{tmp_path / 'out.mkv'}", f"alpha:{tmp_path / 'mattes'}"]
    play(trouble(), ["virtual-camera", *files, "window"], watchers)
    assert is_card(watchers.window[-1])
    assert is_card(watchers.call[-1])
    seen = [*watchers.window, *watchers.call, *recorded(tmp_path / "out.mkv")]
    assert not any(shows_room(image) for image in seen)
    for file in (tmp_path / "mattes").glob("*.png"):
        matte = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
        assert matte is not None
        # The room's corners are nobody's, whatever the network said.
        assert matte.ndim == 2
        assert matte[:10, :10].max() == 0


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_call_alone_is_shown_no_room_in_its_own_pixel_format(
    trouble: Callable[[], Trouble], watchers: Watchers
) -> None:
    play(_without_window(trouble()), ["virtual-camera"], watchers)
    assert is_card(watchers.call[-1])
    assert not any(shows_room(image) for image in watchers.call)


def _without_window(trouble: Trouble) -> Trouble:
    cards = trouble.cards

    def of_the_call(live: Session, name: str = "") -> int:
        return cards(live, "virtual camera")

    trouble.cards = of_the_call  # type: ignore[method-assign]
    return trouble


def test_the_search_finds_the_room_in_every_output(watchers: Watchers, tmp_path: Path) -> None:
    trouble = Nothing()
    trouble.settings = replace(SETTINGS, background="none")
    recording = f"record:{tmp_path / 'out.mkv'}"
    play(trouble, ["virtual-camera", recording, "window"], watchers)
    for seen in (watchers.window, watchers.call, list(recorded(tmp_path / "out.mkv"))):
        assert any(shows_room(image) for image in seen)
