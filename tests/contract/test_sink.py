"""What every sink promises. A new one is one line in ``SINKS``.

The rules are those of ``livebg.sinks.base``.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from _pytest.mark import ParameterSet

from livebg.errors import SinkError
from livebg.frame import BGR, Composite
from livebg.pixels.conversion import converted
from livebg.sinks.base import Sink
from livebg.sinks.null import NullSink
from livebg.sinks.pictures import AlphaFolder, PictureFolderSink
from livebg.sinks.pipewire.camera import PipeWireCamera
from livebg.sinks.recorder import Recorder
from livebg.sinks.virtual_camera import VirtualCamera
from livebg.sinks.window import Window
from tests.support.clips import SIZE, numbered
from tests.support.fake_loopback import FakeLoopback, install_loopback

RATE = Fraction(25)

Opener = Callable[[Path], Sink]
"""Opens a sink for composites of ``SIZE``; what it writes goes into the folder."""


def open_recorder(name: str, *, live: bool = False) -> Opener:
    return lambda folder: Recorder(folder / name, size=SIZE, frame_rate=RATE, live=live)


WRITING: dict[str, Opener] = {
    "mp4": open_recorder("out.mp4"),
    "mkv": open_recorder("out.mkv"),
    "webm": open_recorder("out.webm"),
    "live mp4": open_recorder("out.mp4", live=True),
    "live mkv": open_recorder("out.mkv", live=True),
    "pictures": lambda folder: PictureFolderSink(folder / "out"),
    "mattes": lambda folder: AlphaFolder(folder / "out"),
}

SINKS: dict[str, Opener] = WRITING | {
    "null": lambda folder: NullSink(),
    "virtual camera": lambda folder: VirtualCamera(SIZE, float(RATE)),
    "PipeWire camera": lambda folder: PipeWireCamera(SIZE, RATE),
    "window": lambda folder: Window("contract"),
}

NEEDED_FIXTURES = {
    "virtual camera": "virtual_device",
    "PipeWire camera": "graph",
    "window": "desktop",
}
INTEGRATION = ("PipeWire camera", "window")


def named(names: Iterable[str]) -> list[ParameterSet]:
    return [
        pytest.param(name, marks=[pytest.mark.integration] if name in INTEGRATION else [], id=name)
        for name in names
    ]


@pytest.fixture
def virtual_device(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A device of v4l2loopback, faked down to the kernel's answers."""
    if sys.platform != "linux":
        pytest.skip("v4l2loopback is a module of Linux")
    install_loopback(monkeypatch, tmp_path_factory.mktemp("kernel"), FakeLoopback())


@pytest.fixture(params=named(SINKS))
def opener(request: pytest.FixtureRequest) -> Opener:
    if request.param in NEEDED_FIXTURES:
        request.getfixturevalue(NEEDED_FIXTURES[request.param])
    return SINKS[request.param]


@pytest.fixture
def sink(opener: Opener, tmp_path: Path) -> Sink:
    return opener(tmp_path)


def composite(index: int) -> Composite:
    image = numbered(index)
    return Composite(image, index, index * 40_000_000, alpha=np.ascontiguousarray(image[:, :, 0]))


def test_it_has_a_name(sink: Sink) -> None:
    with sink:
        assert sink.name


def test_composites_are_not_altered_and_not_kept(sink: Sink) -> None:
    given = [composite(index) for index in range(5)]
    for each in given:
        # A sink that writes into a composite, or hands on a view that somebody may write to, fails.
        each.image.setflags(write=False)
    with sink:
        for each in given:
            sink.send(each)
    for index, each in enumerate(given):
        np.testing.assert_array_equal(each.image, numbered(index))


def test_it_can_be_asked_for_readers_at_any_time(sink: Sink) -> None:
    answers = [sink.has_readers]
    sink.send(composite(0))
    answers.append(sink.has_readers)
    sink.close()
    answers.append(sink.has_readers)
    assert set(answers) <= {True, False, None}


def test_it_takes_its_own_format_and_bgr(sink: Sink) -> None:
    wanted = sink.pixel_format
    first = composite(0)
    with sink:
        sink.send(first)
        if wanted is not None:
            image = converted(numbered(1), BGR, wanted)
            image.setflags(write=False)
            sink.send(
                replace(first, image=image, index=1, captured_ns=40_000_000, pixel_format=wanted)
            )
        sink.send(composite(2))


def test_close_is_idempotent(sink: Sink) -> None:
    sink.send(composite(0))
    sink.close()
    sink.close()


def test_sending_after_close_is_an_error(sink: Sink) -> None:
    sink.send(composite(0))
    sink.close()
    with pytest.raises(SinkError):
        sink.send(composite(1))


def test_abort_is_idempotent_and_ends_it(sink: Sink) -> None:
    sink.send(composite(0))
    sink.abort()
    sink.abort()
    sink.close()
    with pytest.raises(SinkError):
        sink.send(composite(1))


def test_abort_after_close_undoes_nothing(sink: Sink, tmp_path: Path) -> None:
    sink.send(composite(0))
    sink.close()
    there = sorted(tmp_path.rglob("*"))
    sink.abort()
    assert sorted(tmp_path.rglob("*")) == there


@pytest.mark.parametrize("name", WRITING)
def test_nothing_has_its_final_name_before_close(name: str, tmp_path: Path) -> None:
    with SINKS[name](tmp_path) as sink:
        for index in range(30):
            sink.send(composite(index))
        assert not (tmp_path / "out.mp4").exists()
        assert not any((tmp_path / "out").glob("*.png"))
    assert any(tmp_path.rglob("*.*"))


@pytest.mark.parametrize("name", WRITING)
def test_abort_leaves_nothing(name: str, tmp_path: Path) -> None:
    sink = SINKS[name](tmp_path)
    for index in range(30):
        sink.send(composite(index))
    sink.abort()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", WRITING)
def test_an_error_in_the_block_leaves_nothing(name: str, tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), SINKS[name](tmp_path) as sink:
        sink.send(composite(0))
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


# Qt works only in the thread that used it first, in the tests the main one.
@pytest.mark.parametrize("opener", named(name for name in SINKS if name != "window"), indirect=True)
def test_another_thread_may_own_it(opener: Opener, tmp_path: Path) -> None:
    sent: list[int] = []

    def work() -> None:
        with opener(tmp_path) as sink:
            for index in range(3):
                sink.send(composite(index))
                sent.append(index)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(30.0)
    assert sent == [0, 1, 2]
