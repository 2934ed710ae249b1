"""Whether a device is read, by both monitors; real devices are for the system tests."""

from __future__ import annotations

import os
import select
import sys
import tempfile
from collections import deque
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from livebg.clock import ManualClock
from livebg.platform.linux.procfs import Holder, Holders
from tests.support.fake_loopback import CAPTURE, FakeLoopback, FakeLoopbacks

if sys.platform != "linux":
    pytest.skip("v4l2loopback is a module of Linux", allow_module_level=True)

from livebg.platform.linux import loopback_readers
from livebg.platform.linux.loopback_readers import (
    EventMonitor,
    Inotify,
    OpenFileMonitor,
    monitor_readers,
)


class Events:
    """A device whose module sends events."""

    def __init__(self, folder: Path) -> None:
        self.counts = deque([0])
        kernel = FakeLoopbacks(folder)
        device = FakeLoopback(CAPTURE, events=self.counts)
        self.descriptor = os.open(kernel.add(10, "livebg", device), os.O_RDWR)
        self.gone = False
        self.monitor = EventMonitor(
            self.descriptor, kernel, lambda descriptor: self.gone or bool(self.counts)
        )

    def after(self, *counts: int) -> bool:
        """Say whether there are readers after events with these counts."""
        self.counts.extend(counts)
        return self.monitor.has_readers()


@pytest.fixture
def events(tmp_path: Path) -> Iterator[Events]:
    events = Events(tmp_path)
    yield events
    os.close(events.descriptor)


def test_the_last_event_counts(events: Events) -> None:
    assert not events.after()
    assert events.after(1)
    assert events.after()
    assert not events.after(0)
    assert events.after(1, 0, 1)


def test_a_device_that_is_gone_has_no_readers(events: Events) -> None:
    assert events.after(1)
    events.gone = True
    assert not events.after()


def test_a_descriptor_without_priority_data_has_no_event() -> None:
    reading, writing = os.pipe()
    os.close(writing)
    poll = select.poll()
    poll.register(reading, select.POLLPRI)
    assert poll.poll(0)  # the hang-up is reported in any case
    assert not loopback_readers._has_event(reading)
    os.close(reading)


class Device:
    """A device of a module without events; the test says which processes have it open."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "video10"
        self.file.touch()
        self.refcount = folder / "refcnt"
        self.clock = ManualClock(start_ns=10**12)
        self.held = Holders(())
        self.searches: list[Collection[int] | None] = []
        self.monitor = OpenFileMonitor(str(self.file), self.clock, self.find, self.refcount)

    def find(self, pids: Collection[int] | None) -> Holders:
        self.searches.append(pids)
        return self.held

    def open(self, *names: str, path: str = "") -> None:
        """Open the device in the programs of these names, and only in them."""
        self.file.read_bytes()
        holders = (Holder(30, name, path or str(self.file), 1) for name in names)
        self.held = Holders(tuple(holders), complete=self.held.complete)

    def after(self, seconds: float) -> bool:
        self.clock.advance(seconds)
        return self.monitor.has_readers()


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Device]:
    device = Device(tmp_path)
    yield device
    device.monitor.close()


def test_without_openings_there_is_no_search(device: Device) -> None:
    for _ in range(100):
        assert not device.after(0.1)
    assert len(device.searches) == 1


def test_a_reader_is_found_when_it_comes_and_when_it_goes(device: Device) -> None:
    device.monitor.has_readers()
    device.after(5.0)
    device.open("chrome")
    assert not device.after(0.0)
    assert device.after(0.2)
    device.open()
    device.after(0.0)
    assert not device.after(0.6)


def test_an_app_that_only_reads_the_name_is_no_reader(device: Device) -> None:
    device.monitor.has_readers()
    device.after(5.0)
    for _ in range(20):
        device.open("discord")
        device.open()
        assert not device.after(0.05)
    assert not device.after(0.2)


def test_many_openings_cost_two_searches_a_second(device: Device) -> None:
    for _ in range(100):
        device.open("webex")
        device.after(0.1)
    assert len(device.searches) <= 21


def test_a_reader_that_ended_without_an_event_is_gone_after_two_seconds(device: Device) -> None:
    device.held = Holders((Holder(30, "chrome", str(device.file), 1),))
    assert device.monitor.has_readers()
    device.held = Holders(())
    assert device.after(1.9)
    assert not device.after(0.1)


def test_known_readers_are_searched_first(device: Device) -> None:
    device.held = Holders((Holder(30, "chrome", str(device.file), 1),))
    for _ in range(3):
        assert device.after(2.0)
    device.held = Holders(())
    assert not device.after(2.0)
    assert device.searches == [None, {30}, {30}, {30}, None]


def test_a_process_with_another_device_open_is_no_reader(device: Device) -> None:
    device.open("ffmpeg", path="/dev/video9")
    assert not device.after(5.0)


def test_visible_openings_are_subtracted_from_the_reference_count(device: Device) -> None:
    device.held = Holders((), own_files=1, complete=False)
    device.refcount.write_text("1\n")
    assert not device.monitor.has_readers()
    device.after(5.0)
    device.open("ffmpeg", path="/dev/video9")
    device.held = Holders(device.held.others, own_files=2, complete=False)
    device.refcount.write_text("3\n")
    device.after(0.0)
    assert not device.after(0.2)


def test_a_reader_of_another_user_is_concluded_from_the_reference_count(device: Device) -> None:
    """One file is ours, one somebody's on another device from the start."""
    device.held = Holders((), own_files=1, complete=False)
    device.refcount.write_text("2\n")
    assert not device.monitor.has_readers()
    device.after(5.0)
    device.file.read_bytes()
    device.refcount.write_text("3\n")
    device.after(0.0)
    assert device.after(0.2)
    device.file.read_bytes()
    device.refcount.write_text("2\n")
    device.after(0.0)
    assert not device.after(0.6)


@pytest.mark.parametrize("content", [None, "many\n"])
def test_without_a_reference_count_only_visible_readers_count(
    device: Device, content: str | None
) -> None:
    device.held = Holders((), complete=False)
    if content is not None:
        device.refcount.write_text(content)
    assert not device.monitor.has_readers()


def test_without_events_the_open_files_are_monitored(tmp_path: Path) -> None:
    file = tmp_path / "video10"
    file.touch()
    with file.open("rb") as held:
        monitor = monitor_readers(str(file), held.fileno())
    assert isinstance(monitor, OpenFileMonitor)
    monitor.close()


def test_where_nothing_can_be_monitored_it_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(loopback_readers, "Inotify", refuse)
    with tempfile.TemporaryFile(dir=tmp_path) as held:
        assert monitor_readers("video10", held.fileno()) is None


def test_a_file_changes_once_for_each_opening_and_closing(tmp_path: Path) -> None:
    file = tmp_path / "video10"
    file.touch()
    (tmp_path / "other").touch()
    inotify = Inotify(str(file))
    assert not inotify.has_changed()
    (tmp_path / "other").read_bytes()
    assert not inotify.has_changed()
    with file.open("rb"):
        assert inotify.has_changed()
        assert not inotify.has_changed()
    assert inotify.has_changed()
    assert not inotify.has_changed()
    inotify.close()
