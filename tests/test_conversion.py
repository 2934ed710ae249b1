import threading
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from livebg.conversion import Conversion, convert
from livebg.errors import DamagedFileError, ModelError, SinkError
from livebg.frame import BGR, Composite, Frame, PixelFormat
from livebg.pipeline import Pipeline
from livebg.sinks.base import Sink
from livebg.sinks.pictures import AlphaFolder, PictureFolderSink
from livebg.sinks.recorder import Recorder
from livebg.sources.base import Source
from livebg.sources.pictures import list_pictures, read_picture
from livebg.sources.video import VideoFile
from tests.support.clips import RATE, SIZE, number_of, write_clip

COUNT = 40


class Negative:
    """A pipeline that turns each frame into its negative, and may fail or wait at one."""

    def __init__(self, fail_at: int | None = None, stop: tuple[int, threading.Event] | None = None):
        self.fail_at = fail_at
        self.stop = stop
        self.thread_names: set[str] = set()
        self.formats: set[PixelFormat] = set()

    def process(
        self, frame: Frame, *, want_alpha: bool = False, pixel_format: PixelFormat = BGR
    ) -> Composite:
        self.thread_names.add(threading.current_thread().name)
        self.formats.add(pixel_format)
        if frame.index == self.fail_at:
            raise ModelError(f"the network failed on frame {frame.index}")
        if self.stop is not None and frame.index == self.stop[0]:
            self.stop[1].set()
        alpha = np.ascontiguousarray(frame.image[:, :, 0]) if want_alpha else None
        return Composite(255 - frame.image, frame.index, frame.captured_ns, alpha=alpha)


class Memory(Sink):
    """Keeps what it gets, and the calls; may fail at one composite or at its end."""

    def __init__(self, fail_at: int | None = None, fail_close: bool = False) -> None:
        self.name = "memory"
        self.numbers: list[int] = []
        self.calls: list[str] = []
        self.threads: set[str] = set()
        self.fail_at = fail_at
        self.fail_close = fail_close

    def send(self, composite: Composite) -> None:
        self.threads.add(threading.current_thread().name)
        if composite.index == self.fail_at:
            raise SinkError("the disk is full")
        self.numbers.append(number_of(255 - composite.image))

    def close(self) -> None:
        self.calls.append("close")
        if self.fail_close:
            raise SinkError("the end cannot be written")

    def abort(self) -> None:
        self.calls.append("abort")


def run(source: Source, sinks: Sequence[Sink], pipeline: Negative, **options: Any) -> Conversion:
    return convert(source, sinks, pipeline=cast(Pipeline, pipeline), **options)


@pytest.fixture
def clip_path(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "in.mp4", count=COUNT)


def test_every_frame_goes_to_every_sink_in_order(clip_path: Path) -> None:
    sinks = [Memory(), Memory()]
    pipeline = Negative()
    progress: list[int] = []
    with VideoFile(clip_path) as source:
        result = run(source, sinks, pipeline, on_progress=progress.append)
    assert result == Conversion(COUNT, finished=True)
    for sink in sinks:
        assert sink.numbers == list(range(COUNT))
        assert sink.calls == ["close"]
        assert sink.threads == {"livebg-encode"}
    assert pipeline.thread_names == {threading.current_thread().name}
    assert progress == list(range(1, COUNT + 1))


def test_real_files_from_end_to_end(tmp_path: Path, clip_path: Path) -> None:
    sinks: list[Sink] = [
        Recorder(tmp_path / "out.mkv", size=SIZE, frame_rate=RATE),
        PictureFolderSink(tmp_path / "frames"),
        AlphaFolder(tmp_path / "mattes"),
    ]
    with VideoFile(clip_path) as source:
        run(source, sinks, Negative())
    with VideoFile(tmp_path / "out.mkv") as written:
        assert [number_of(255 - frame.image) for frame in written] == list(range(COUNT))
    for folder, negative in (("frames", True), ("mattes", False)):
        pictures = [read_picture(path) for path in list_pictures(tmp_path / folder)]
        shown = [255 - picture if negative else picture for picture in pictures]
        assert [number_of(picture) for picture in shown] == list(range(COUNT))


@pytest.mark.parametrize("at", [0, 17, COUNT - 1])
@pytest.mark.parametrize(
    ("part", "error"), [("pipeline", ModelError), ("sink", SinkError)], ids=["pipeline", "sink"]
)
def test_an_error_aborts_every_sink(
    clip_path: Path, part: str, error: type[Exception], at: int
) -> None:
    sinks = [Memory(), Memory(fail_at=at if part == "sink" else None)]
    pipeline = Negative(fail_at=at if part == "pipeline" else None)
    with VideoFile(clip_path) as source, pytest.raises(error, match=r"failed on|disk is full"):
        run(source, sinks, pipeline)
    assert [sink.calls for sink in sinks] == [["abort"], ["abort"]]


def test_an_error_at_the_end_of_a_sink_is_raised(clip_path: Path) -> None:
    sinks = [Memory(fail_close=True), Memory()]
    with VideoFile(clip_path) as source, pytest.raises(SinkError, match="end cannot be written"):
        run(source, sinks, Negative())
    assert [sink.calls for sink in sinks] == [["close", "abort"], ["abort"]]


def test_an_error_of_the_source_aborts_every_sink(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "cut.mkv", count=150)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    sink = Memory()
    with VideoFile(path) as source, pytest.raises(DamagedFileError, match="breaks off"):
        run(source, [sink], Negative())
    assert sink.calls == ["abort"]


@pytest.mark.parametrize("at", [0, 17])
def test_a_stop_aborts_every_sink(clip_path: Path, at: int) -> None:
    stop = threading.Event()
    sink = Memory()
    with VideoFile(clip_path) as source:
        result = run(source, [sink], Negative(stop=(at, stop)), stop=stop)
    assert not result.finished
    assert result.frames == at + 1
    assert sink.calls == ["abort"]


def test_a_stop_beforehand_leaves_nothing(tmp_path: Path, clip_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    recorder = Recorder(tmp_path / "out.mp4", size=SIZE, frame_rate=Fraction(25))
    with VideoFile(clip_path) as source:
        assert run(source, [recorder], Negative(), stop=stop) == Conversion(0, finished=False)
    assert list(tmp_path.iterdir()) == [clip_path]


def test_a_keyboard_interrupt_in_the_filter_cleans_up_too(clip_path: Path) -> None:
    sink = Memory()

    def interrupted(done: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with VideoFile(clip_path) as source, pytest.raises(KeyboardInterrupt):
        run(source, [sink], Negative(), on_progress=interrupted)
    assert sink.calls == ["abort"]


@pytest.mark.parametrize(
    ("ending", "other", "pixel_format"),
    [
        (".mp4", AlphaFolder, PixelFormat("i420", "bt709")),
        (".webm", AlphaFolder, PixelFormat("i420", "bt709")),
        (".mp4", PictureFolderSink, BGR),
    ],
)
def test_sinks_get_what_their_encoder_takes_and_bgr_where_they_differ(
    clip_path: Path,
    tmp_path: Path,
    ending: str,
    other: Callable[[Path], Sink],
    pixel_format: PixelFormat,
) -> None:
    recorder = Recorder(tmp_path / f"out{ending}", size=SIZE, frame_rate=RATE)
    pipeline = Negative()
    with VideoFile(clip_path) as source:
        run(source, [recorder, other(tmp_path / "out")], pipeline)
    assert pipeline.formats == {pixel_format}
