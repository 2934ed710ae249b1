"""Parts that another package registers by entry point work by name, everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import livebg
from livebg import plugins
from livebg.cli.main import main
from livebg.config.settings import Settings
from livebg.errors import UsageError
from livebg.frame import Composite, Size
from livebg.sinks.null import NullSink
from tests.support.fakes import ExactSegmenter
from tests.support.scenes import SyntheticScene

SIZE = (160, 90)
COUNT = 12


class Scene(SyntheticScene):
    def __init__(self, argument: str) -> None:
        super().__init__(SIZE, frame_count=int(argument))


class Exact(ExactSegmenter):
    def __init__(self, argument: str, size: Size) -> None:
        assert (argument, size) == ("weights.bin", SIZE)
        super().__init__(Scene(str(COUNT)), (32, 18))


class Stream(NullSink):
    sent: list[Composite]

    def __init__(self, argument: str, size: Size, frame_rate: Fraction) -> None:
        assert (argument, size, frame_rate) == ("rtmp://host/live", SIZE, Fraction(30))
        super().__init__()

    def send(self, composite: Composite) -> None:
        if not composite.private:
            self.sent.append(composite)


def no_sink(argument: str, size: Size, frame_rate: Fraction) -> str:
    return "no sink"


REGISTERED = [
    EntryPoint("scene", f"{__name__}:Scene", "livebg.sources"),
    EntryPoint("exact", f"{__name__}:Exact", "livebg.segmenters"),
    EntryPoint("stream", f"{__name__}:Stream", "livebg.sinks"),
    EntryPoint("wrong", f"{__name__}:no_sink", "livebg.sinks"),
    EntryPoint("gone", "no_such_package:Sink", "livebg.sinks"),
]
WORDS = ["run", "--camera", f"scene:{COUNT}", "--model", "exact:weights.bin"]


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Composite]]:
    def entry_points(group: str, name: str) -> list[EntryPoint]:
        return [point for point in REGISTERED if (point.group, point.name) == (group, name)]

    monkeypatch.setattr(plugins, "entry_points", entry_points)
    Stream.sent = []
    yield Stream.sent


def test_all_three_work_on_the_command_line(registered: list[Composite]) -> None:
    assert main([*WORDS, "--background", "white", "--sink", "stream:rtmp://host/live"]) == 0
    assert registered
    assert all((composite.image[:8, :8] > 240).all() for composite in registered)


def test_a_session_takes_the_same_texts(registered: list[Composite]) -> None:
    with livebg.Session(
        source=f"scene:{COUNT}",
        model="exact:weights.bin",
        background="white",
        sinks=["stream:rtmp://host/live"],
    ) as session:
        assert session.wait(20)
    assert registered


def test_a_file_of_that_name_is_no_registered_source(tmp_path: Path) -> None:
    assert not plugins.is_registered("sources", "scene")
    assert not plugins.is_registered("sources", "scene://host/stream")
    assert not plugins.is_registered("sources", "C:\\scene")
    assert str(Settings(camera="scene:3").camera) == "scene:3"


@pytest.mark.parametrize(
    ("sink", "sentence"),
    [
        ("wrong:x", r"no_sink made 'no sink', which is no livebg\.Sink"),
        ("gone:x", r"gone is registered as no_such_package:Sink, which cannot be imported"),
        ("steam:x", r"there is no sink 'steam:x'; choose window"),
    ],
)
def test_what_makes_no_sink_is_refused(sink: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        livebg.Session(source=f"scene:{COUNT}", sinks=[sink])
