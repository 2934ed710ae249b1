"""The camera in a real PipeWire graph, read by a real program."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from livebg.clock import ManualClock
from livebg.errors import SinkError, SinkUnavailableError
from livebg.frame import Composite, Image, Size
from livebg.sinks.pipewire.camera import PipeWireCamera
from tests.support.clips import SIZE, number_of, numbered
from tests.support.pipewire_graph import MISSING, Graph, Reader
from tests.support.waiting import wait_until

RATE = Fraction(30)


@contextmanager
def opened(graph: Graph, size: Size = SIZE) -> Iterator[PipeWireCamera]:
    """A camera that programs see, and no other one with it."""
    wait_until(lambda: graph.camera() is None)
    with PipeWireCamera(size, RATE) as camera:
        wait_until(graph.camera)
        yield camera


@pytest.fixture
def camera(graph: Graph) -> Iterator[PipeWireCamera]:
    with opened(graph) as camera:
        yield camera


def plain(image: Image, index: int = 0) -> Composite:
    return Composite(image, index, time.monotonic_ns())


def feed(
    camera: PipeWireCamera,
    until: Callable[[], object],
    number: int = 0,
    *,
    picture: Image | None = None,
) -> int:
    """Send numbered pictures, or one, until something is so; return the number of the next."""

    def is_so_after_a_picture() -> bool:
        nonlocal number
        if until():
            return True
        camera.send(plain(numbered(number % 256) if picture is None else picture, number))
        number += 1
        return False

    wait_until(is_so_after_a_picture)
    return number


def check_order(reader: Reader, count: int) -> None:
    """Fail unless so many pictures were read, each newer than the one before."""
    numbers = [number_of(picture) for picture in reader.pictures(SIZE)]
    assert len(numbers) == count
    # A busy machine lets the reader starve: it then misses some.
    steps = [(after - before) % 256 for before, after in pairwise(numbers)]
    assert all(0 < step < 128 for step in steps)


def has_number(reader: Reader, number: int) -> bool:
    newest = reader.newest(SIZE)
    return newest is not None and number_of(newest) == number


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_programs_find_a_camera_with_formats_of_fixed_size_and_rate(
    graph: Graph, camera: PipeWireCamera
) -> None:
    found = graph.camera()
    assert found is not None
    assert found["props"]["media.class"] == "Video/Source"
    assert found["props"]["media.role"] == "Camera"
    assert found["props"]["node.description"] == "livebg"
    for layout, format in zip(("I420", "YUY2"), found["params"]["EnumFormat"], strict=True):
        assert format == {
            "mediaType": "video",
            "mediaSubtype": "raw",
            "format": layout,
            "size": {"width": SIZE[0], "height": SIZE[1]},
            "framerate": {"num": 30, "denom": 1},
        }


@pytest.mark.parametrize("format", ["I420", "YUY2"])
def test_a_program_reads_the_pictures_in_order(
    graph: Graph, camera: PipeWireCamera, tmp_path: Path, format: str
) -> None:
    reader = graph.read(100, tmp_path / "pictures", format=format)
    feed(camera, lambda: reader.done)
    check_order(reader, 100)


@pytest.mark.parametrize("size", [(64, 48), (854, 480), (650, 362), (641, 363), (1280, 720)])
@pytest.mark.parametrize("format", ["I420", "YUY2"])
def test_colours_and_shapes_arrive_at_every_size(
    graph: Graph, tmp_path: Path, size: Size, format: str
) -> None:
    width, height = size
    image = np.zeros((height, width, 3), np.uint8)
    image[:, : width // 4] = 180, 90, 30
    image[height // 4 :, width // 2 :] = 40, 60, 200
    with opened(graph, size) as camera:
        reader = graph.read(3, tmp_path / "pictures", format=format)
        feed(camera, lambda: reader.done, picture=image)
    for picture in reader.pictures(camera.size):
        off = np.abs(picture.astype(int) - image[: height // 2 * 2, : width // 2 * 2])
        # Chroma of half the size mixes the columns beside an edge; rounding costs a few levels.
        assert np.count_nonzero(off.max(axis=2) > 6) <= 4 * (width + height)


def test_it_has_readers_while_a_program_reads(
    graph: Graph, camera: PipeWireCamera, tmp_path: Path
) -> None:
    assert not camera.has_readers
    reader = graph.read(1_000, tmp_path / "pictures")
    feed(camera, lambda: camera.has_readers and reader.bytes_read)
    reader.stop()
    feed(camera, lambda: not camera.has_readers)


def test_two_programs_read_at_once(graph: Graph, camera: PipeWireCamera, tmp_path: Path) -> None:
    first = graph.read(150, tmp_path / "first")
    number = feed(camera, lambda: first.bytes_read)
    second = graph.read(30, tmp_path / "second")
    feed(camera, lambda: first.done and second.done, number)
    check_order(first, 150)
    check_order(second, 30)


def test_programs_come_and_go_twenty_times(
    graph: Graph, camera: PipeWireCamera, tmp_path: Path
) -> None:
    number, descriptors = 0, []
    for round in range(20):
        reader = graph.read(2, tmp_path / f"pictures-{round}")
        number = feed(camera, partial(getattr, reader, "done"), number)
        assert len(reader.pictures(SIZE)) == 2
        number = feed(camera, lambda: not camera.has_readers, number)
        descriptors.append(open_descriptors())
    assert descriptors[-1] <= descriptors[0]


def test_the_last_picture_arrives_before_the_camera_goes(
    graph: Graph, camera: PipeWireCamera, tmp_path: Path
) -> None:
    reader = graph.read(1_000, tmp_path / "pictures")
    feed(camera, lambda: reader.bytes_read)
    camera.send(plain(numbered(0xAA)))
    camera.close()
    wait_until(lambda: has_number(reader, 0xAA))


def test_opening_and_closing_leaks_nothing(graph: Graph) -> None:
    PipeWireCamera(SIZE, RATE).close()
    before = open_descriptors()
    for _ in range(20):
        PipeWireCamera(SIZE, RATE).close()
    assert open_descriptors() == before


def test_transparent_pixels_arrive_black(
    graph: Graph, camera: PipeWireCamera, tmp_path: Path
) -> None:
    image = np.full((SIZE[1], SIZE[0], 4), (200, 100, 50, 0), np.uint8)
    reader = graph.read(2, tmp_path / "pictures")
    feed(camera, lambda: reader.done, picture=image)
    assert not any(picture.any() for picture in reader.pictures(SIZE))


def test_another_size_is_refused(camera: PipeWireCamera) -> None:
    with pytest.raises(SinkError, match="opened for 64x48 and cannot take a picture of 128x96"):
        camera.send(plain(numbered(0, (128, 96))))


def test_a_daemon_that_dies_is_an_error_and_the_next_one_is_found(
    own_graph: Graph, tmp_path: Path
) -> None:
    with opened(own_graph) as camera:
        reader = own_graph.read(1_000, tmp_path / "pictures")
        feed(camera, lambda: reader.bytes_read)
        own_graph.kill()
        with pytest.raises(SinkError, match="has lost the PipeWire daemon"):
            feed(camera, lambda: False)
        assert not camera.has_readers
    reader.stop()
    with pytest.raises(SinkUnavailableError, match="systemctl --user start pipewire wireplumber"):
        PipeWireCamera(SIZE, RATE)
    own_graph.start()
    with opened(own_graph) as camera:
        again = own_graph.read(3, tmp_path / "again")
        feed(camera, lambda: again.done)
        assert len(again.pictures(SIZE)) == 3


def test_a_daemon_that_does_not_answer_is_an_error(own_graph: Graph) -> None:
    own_graph.daemon.send_signal(signal.SIGSTOP)
    clock = ManualClock()
    with PipeWireCamera(SIZE, RATE, clock=clock) as camera:
        camera.send(plain(numbered(0)))
        clock.advance(5.1)
        with pytest.raises(SinkError, match="does not answer; start it again with `systemctl"):
            camera.send(plain(numbered(0)))


def test_without_a_daemon_it_says_what_to_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if MISSING:
        pytest.skip("needs PipeWire's library")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("PIPEWIRE_RUNTIME_DIR", str(tmp_path))
    before = open_descriptors()
    with pytest.raises(SinkUnavailableError, match="no PipeWire daemon answers") as caught:
        PipeWireCamera(SIZE, RATE)
    assert caught.value.exit_status == 2
    assert open_descriptors() == before
