"""Whether the parts are put together in the right order; real devices are for the system tests."""

from __future__ import annotations

import os
import select
import sys
from collections import deque
from collections.abc import Callable, Collection
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from livebg.clock import ManualClock
from livebg.errors import SinkUnavailableError
from livebg.frame import Image, Size
from livebg.platform.linux import loopback_feed
from livebg.platform.linux import loopback_feed as loopback_watch
from livebg.platform.linux.inotify import Inotify
from livebg.platform.linux.loopback_feed import ClientEvents, LoopbackFeed, OpenFiles, watch_readers
from livebg.platform.linux.procfs import Holder, Holders
from livebg.platform.linux.v4l2loopback import LoopbackDevice
from tests.support.fake_loopback import CAPTURE, FakeLoopback, FakeLoopbacks

if sys.platform != "linux":
    pytest.skip("v4l2loopback is a module of Linux", allow_module_level=True)


DEVICE = LoopbackDevice("/dev/video10", "livebg", outputs=True)
SIZE = (64, 48)


class Order:
    """Stands in for everything that touches the device, and notes what is done to it."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.failure: Exception | None = None
        self.readers: bool | None = False

    def claim(self, path: str, fps: float) -> Any:
        self.done.append(f"claim {path} {fps:g}")
        return SimpleNamespace(
            descriptor=3,
            hold=lambda: self.done.append("hold"),
            close=lambda: self.done.append("unclaim"),
        )

    def open(self, size: Size, fps: float, device: str | None) -> Any:
        if self.failure:
            raise self.failure
        self.done.append(f"open {device}")

        def send(image: Image) -> None:
            self.done.append("send")

        return SimpleNamespace(send=send, close=lambda: self.done.append("close"))

    def watch(self, path: str, descriptor: int) -> Any:
        self.done.append(f"watch {path} {descriptor}")
        if self.readers is None:
            return None
        return SimpleNamespace(
            watched=lambda: self.readers, close=lambda: self.done.append("unwatch")
        )


@pytest.fixture
def order(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Order:
    order = Order()
    monkeypatch.setattr(loopback_feed, "list_loopbacks", lambda: [DEVICE])
    monkeypatch.setattr(loopback_feed, "LoopbackClaim", order.claim)
    monkeypatch.setattr(loopback_feed, "watch_readers", order.watch)
    monkeypatch.setattr(loopback_feed, "_SYS_FOLDER", tmp_path)
    (tmp_path / "video10").mkdir()
    return order


def test_the_claim_outlives_the_feed(order: Order) -> None:
    feed = LoopbackFeed(None, SIZE, 30.0, order.open)
    feed.send(np.zeros((48, 64, 3), np.uint8))
    feed.close()
    assert order.done == [
        "claim /dev/video10 30",
        "open /dev/video10",
        "hold",
        "watch /dev/video10 3",
        "send",
        "close",
        "unwatch",
        "unclaim",
    ]


@pytest.mark.parametrize("readers", [True, False, None])
def test_it_says_whether_it_is_watched(order: Order, readers: bool | None) -> None:
    order.readers = readers
    assert LoopbackFeed(None, SIZE, 30.0, order.open).has_readers is readers


def test_a_device_that_cannot_be_fed_is_released(order: Order) -> None:
    order.failure = RuntimeError("not a video output device\n")
    with pytest.raises(SinkUnavailableError, match="sudo modprobe -r v4l2loopback") as caught:
        LoopbackFeed(None, SIZE, 30.0, order.open)
    assert "/dev/video10 (livebg) cannot be opened (not a video output device)" in str(caught.value)
    assert order.done[-1] == "unclaim"


@pytest.mark.parametrize("said", ["YU12:64x48@30\n", "", "no idea\n"])
def test_the_size_that_was_asked_for_is_accepted(order: Order, tmp_path: Path, said: str) -> None:
    (tmp_path / "video10/format").write_text(said)
    LoopbackFeed(None, SIZE, 30.0, order.open).close()


def test_a_reader_that_keeps_another_size_is_named(order: Order, tmp_path: Path) -> None:
    (tmp_path / "video10/format").write_text("YU12:1280x720@30\n")
    with pytest.raises(SinkUnavailableError, match=r"kept at 1280x720 by .*--size 1280x720"):
        LoopbackFeed(None, SIZE, 30.0, order.open)
    assert order.done[-2:] == ["close", "unclaim"]


if sys.platform != "linux":
    pytest.skip("v4l2loopback is a module of Linux", allow_module_level=True)


def test_request_numbers_are_those_of_the_kernel() -> None:
    """On 64-bit machines; the time stamp in an event is shorter on others."""
    assert loopback_watch.SUBSCRIBE_EVENT == 0x4020565A
    assert loopback_watch.DQEVENT == 0x80885659


class Told:
    """A device whose module tells of readers."""

    def __init__(self, folder: Path) -> None:
        self.device = FakeLoopback(CAPTURE, events=deque([0]))
        kernel = FakeLoopbacks(folder)
        self.descriptor = os.open(kernel.add(10, "livebg", self.device), os.O_RDWR)
        self.gone = False
        self.watch = ClientEvents(self.descriptor, kernel, lambda held: self.gone or self.waits)

    @property
    def waits(self) -> bool:
        return bool(self.device.events)


@pytest.fixture
def told(tmp_path: Path) -> Told:
    return Told(tmp_path)


def test_the_module_is_believed(told: Told) -> None:
    assert told.device.events is not None
    assert not told.watch.watched()
    told.device.events.append(1)
    assert told.watch.watched()
    assert told.watch.watched()
    told.device.events.append(0)
    assert not told.watch.watched()
    os.close(told.descriptor)


def test_of_several_events_the_last_one_counts(told: Told) -> None:
    assert told.device.events is not None
    told.device.events.extend([1, 0, 1])
    assert told.watch.watched()
    os.close(told.descriptor)


def test_nobody_reads_a_device_that_is_gone(told: Told) -> None:
    assert told.device.events is not None
    told.device.events.append(1)
    assert told.watch.watched()
    told.gone = True
    assert not told.watch.watched()
    os.close(told.descriptor)


def test_a_descriptor_without_priority_data_has_no_news() -> None:
    reading, writing = os.pipe()
    os.close(writing)
    poll = select.poll()
    poll.register(reading, select.POLLPRI)
    assert poll.poll(0)  # the hang-up is told in any case
    assert not loopback_watch._has_news(reading)
    os.close(reading)


class Looked:
    """A device of a module that tells nothing; who has it open is what the test says."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "video10"
        self.file.touch()
        self.refcount = folder / "refcnt"
        self.clock = ManualClock(start_ns=10**12)
        self.held = Holders(())
        self.looks = 0
        self.looked_at: list[Collection[int] | None] = []
        self.watch = OpenFiles(
            str(self.file), self.clock, Inotify(str(self.file)), self.look, self.refcount
        )

    def look(self, pids: Collection[int] | None) -> Holders:
        self.looks += 1
        self.looked_at.append(pids)
        return self.held

    def open(self, *names: str, path: str = "") -> None:
        """Open the device in the programs of these names, and only in them."""
        self.file.read_bytes()
        holders = (Holder(30, name, path or str(self.file), 1) for name in names)
        self.held = Holders(tuple(holders), complete=self.held.complete)

    def after(self, seconds: float) -> bool:
        self.clock.advance(seconds)
        return self.watch.watched()


@pytest.fixture
def looked(tmp_path: Path) -> Looked:
    return Looked(tmp_path)


def test_who_has_it_open_is_looked_up_once_at_the_start(looked: Looked) -> None:
    looked.held = Holders((Holder(30, "chrome", str(looked.file), 1),))
    assert looked.watch.watched()
    looked.watch.close()


def test_while_nothing_is_opened_nobody_looks(looked: Looked) -> None:
    for _ in range(100):
        assert not looked.after(0.1)
    assert looked.looks == 1
    looked.watch.close()


def test_a_reader_is_seen_when_it_comes_and_when_it_goes(looked: Looked) -> None:
    looked.watch.watched()
    looked.after(5.0)
    looked.open("chrome")
    assert not looked.after(0.0)
    assert looked.after(0.2)
    looked.open()
    looked.after(0.0)
    assert not looked.after(0.6)
    looked.watch.close()


def test_an_app_that_only_asks_for_the_name_is_no_reader(looked: Looked) -> None:
    looked.watch.watched()
    looked.after(5.0)
    for _ in range(20):
        looked.open("discord")
        looked.open()
        assert not looked.after(0.05)
    assert not looked.after(0.2)
    looked.watch.close()


def test_a_storm_of_openings_costs_two_looks_a_second(looked: Looked) -> None:
    for _ in range(100):
        looked.open("webex")
        looked.after(0.1)
    assert looked.looks <= 21
    looked.watch.close()


def test_a_reader_that_left_unheard_is_missed_after_two_seconds(looked: Looked) -> None:
    looked.held = Holders((Holder(30, "chrome", str(looked.file), 1),))
    assert looked.watch.watched()
    looked.held = Holders(())
    assert looked.after(1.9)
    assert not looked.after(0.1)
    looked.watch.close()


def test_those_who_read_are_looked_at_before_all_are(looked: Looked) -> None:
    looked.held = Holders((Holder(30, "chrome", str(looked.file), 1),))
    for _ in range(3):
        assert looked.after(2.0)
    looked.held = Holders(())
    assert not looked.after(2.0)
    assert looked.looked_at == [None, {30}, {30}, {30}, None]
    looked.watch.close()


def test_a_program_that_has_another_device_open_is_no_reader(looked: Looked) -> None:
    looked.open("ffmpeg", path="/dev/video9")
    assert not looked.after(5.0)
    looked.watch.close()


def test_a_reader_of_another_user_is_concluded_from_the_count(looked: Looked) -> None:
    """One file is ours, one somebody's on another device from the start."""
    looked.held = Holders((), own_files=1, complete=False)
    looked.refcount.write_text("2\n")
    assert not looked.watch.watched()
    looked.after(5.0)
    looked.file.read_bytes()
    looked.refcount.write_text("3\n")
    looked.after(0.0)
    assert looked.after(0.2)
    looked.file.read_bytes()
    looked.refcount.write_text("2\n")
    looked.after(0.0)
    assert not looked.after(0.6)
    looked.watch.close()


def test_openings_that_can_be_seen_are_not_concluded_twice(looked: Looked) -> None:
    looked.held = Holders((), own_files=1, complete=False)
    looked.refcount.write_text("1\n")
    assert not looked.watch.watched()
    looked.after(5.0)
    looked.open("ffmpeg", path="/dev/video9")
    looked.held = Holders(looked.held.others, own_files=2, complete=False)
    looked.refcount.write_text("3\n")
    looked.after(0.0)
    assert not looked.after(0.2)
    looked.watch.close()


@pytest.mark.parametrize("content", [None, "many\n"])
def test_without_a_count_only_what_is_seen_counts(looked: Looked, content: str | None) -> None:
    looked.held = Holders((), complete=False)
    if content is not None:
        looked.refcount.write_text(content)
    assert not looked.watch.watched()
    looked.watch.close()


def test_without_events_the_openings_are_watched(tmp_path: Path) -> None:
    file = tmp_path / "video10"
    file.touch()
    with file.open("rb") as held:
        watch = watch_readers(str(file), held.fileno())
    assert isinstance(watch, OpenFiles)
    watch.close()


def test_where_nothing_can_be_watched_it_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: str) -> Callable[[], None]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(loopback_watch, "Inotify", refuse)
    file = tmp_path / "video10"
    file.touch()
    with file.open("rb") as held:
        assert watch_readers(str(file), held.fileno()) is None
