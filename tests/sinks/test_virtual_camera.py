"""The virtual camera around a stand-in for pyvirtualcam; real devices are for the system tests."""

from __future__ import annotations

import sys
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from livebg.errors import SinkError, SinkUnavailableError
from livebg.frame import Composite, Size
from livebg.sinks.virtual_camera import VirtualCamera
from tests.support.fake_loopback import OUTPUT, FakeLoopback, FakePyvirtualcam, install_loopback

ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="v4l2loopback is a module of Linux")


@pytest.fixture
def obs(monkeypatch: pytest.MonkeyPatch) -> FakePyvirtualcam:
    """A system on which pyvirtualcam chooses the device."""
    module = FakePyvirtualcam()
    monkeypatch.setitem(sys.modules, "pyvirtualcam", module)
    monkeypatch.setattr(sys, "platform", "win32")
    return module


def composite(size: Size = (8, 6), channels: int = 3) -> Composite:
    return Composite(np.full((size[1], size[0], channels), 9, np.uint8), 0, 0)


def test_the_device_gets_i420_at_the_announced_size_and_rate(obs: FakePyvirtualcam) -> None:
    with VirtualCamera((8, 6), 25.0) as sink:
        assert obs.opened == {"size": (8, 6), "fps": 25.0, "fmt": "I420", "device": None}
        assert sink.device == "/dev/video10"
        assert sink.name == "virtual camera /dev/video10"
        assert sink.has_readers is None
        sink.send(composite())
    sink.close()
    # Grey of level 9 of 255 is 16 + 9 * 219 / 255 in limited range.
    assert (obs.sent[0][:6] == 24).all()
    assert (obs.sent[0][6:] == 128).all()
    assert obs.closed == 1


def test_a_composite_in_its_format_is_sent_as_it_is(obs: FakePyvirtualcam) -> None:
    image = np.random.default_rng(1).integers(0, 256, (9, 8)).astype(np.uint8)
    with VirtualCamera((8, 6), 25.0) as sink:
        sink.send(Composite(image, 0, 0, pixel_format=VirtualCamera.pixel_format))
    assert obs.sent[0] is image


def test_an_odd_size_loses_its_last_column_and_row(obs: FakePyvirtualcam) -> None:
    with VirtualCamera((9, 7), 30) as sink:
        sink.send(composite((9, 7)))
        assert sink.size == obs.opened["size"] == (8, 6)


def test_transparent_pixels_become_black(obs: FakePyvirtualcam) -> None:
    image = np.full((6, 8, 4), (200, 100, 50, 0), np.uint8)
    with VirtualCamera((8, 6), 30) as sink:
        sink.send(Composite(image, 0, 0))
    assert (obs.sent[0][:6] == 16).all()
    assert (obs.sent[0][6:] == 128).all()


def test_another_size_is_refused(obs: FakePyvirtualcam) -> None:
    with (
        VirtualCamera((8, 6), 30) as sink,
        pytest.raises(SinkError, match="opened for 8x6 and cannot take a picture of 16x12"),
    ):
        sink.send(composite((16, 12)))


def test_a_device_that_is_removed_is_a_sink_error(obs: FakePyvirtualcam) -> None:
    with VirtualCamera((8, 6), 30, "/dev/video4") as sink:
        obs.failure = RuntimeError("error writing frame")
        with pytest.raises(SinkError, match="virtual camera /dev/video4 takes no more pictures"):
            sink.send(composite())


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_a_system_without_a_device_says_how_to_get_one(
    obs: FakePyvirtualcam, monkeypatch: pytest.MonkeyPatch, platform: str
) -> None:
    obs.failure = RuntimeError("'v4l2loopback' backend: No device found.\n'obs' backend: none.")
    monkeypatch.setattr(sys, "platform", platform)
    with pytest.raises(SinkUnavailableError, match="install OBS") as caught:
        VirtualCamera((8, 6), 30)
    assert "No device found. 'obs' backend: none." in str(caught.value)
    assert caught.value.exit_status == 2


def test_a_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setitem(sys.modules, "pyvirtualcam", None)
    with pytest.raises(SinkUnavailableError, match="pip install pyvirtualcam"):
        VirtualCamera((8, 6), 30)


@ON_LINUX
def test_output_starts_once_the_writer_has_the_device(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    device = FakeLoopback(OUTPUT, events=deque([0]))
    module = install_loopback(monkeypatch, tmp_path, device)
    opened_before = module.Camera

    def open_camera(*arguments: Any, **options: Any) -> Any:
        assert device.asked == ["S_PARM"]
        return opened_before(*arguments, **options)

    monkeypatch.setattr(module, "Camera", open_camera, raising=False)
    with VirtualCamera((8, 6), 25.0) as sink:
        assert device.asked == ["S_PARM", "STREAMON"]
        assert device.rate == (1, 25)
        sink.send(composite())
        assert sink.has_readers is False
        assert device.events is not None
        device.events.append(1)
        assert sink.has_readers is True
    assert sink.has_readers is False
    assert (len(module.sent), module.closed) == (1, 1)


@ON_LINUX
def test_where_readers_cannot_be_monitored_it_does_not_know(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install_loopback(monkeypatch, tmp_path, FakeLoopback())
    place = "livebg.platform.linux.loopback_readers.monitor_readers"
    monkeypatch.setattr(place, lambda path, descriptor: None)
    with VirtualCamera((8, 6), 30) as sink:
        assert sink.has_readers is None


@ON_LINUX
def test_a_device_that_cannot_be_written_to_is_released(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    module = install_loopback(monkeypatch, tmp_path, FakeLoopback())
    module.failure = RuntimeError("not a video output device\n")
    with pytest.raises(SinkUnavailableError, match="sudo modprobe -r v4l2loopback") as caught:
        VirtualCamera((8, 6), 30)
    assert "(livebg) cannot be opened (not a video output device)" in str(caught.value)


@ON_LINUX
@pytest.mark.parametrize("text", ["YU12:8x6@30\n", "", "no idea\n"])
def test_the_size_that_was_asked_for_is_accepted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str
) -> None:
    install_loopback(monkeypatch, tmp_path, FakeLoopback())
    (tmp_path / "sys/video10/format").write_text(text)
    VirtualCamera((8, 6), 30).close()


@ON_LINUX
def test_a_reader_that_keeps_another_size_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    module = install_loopback(monkeypatch, tmp_path, FakeLoopback())
    (tmp_path / "sys/video10/format").write_text("YU12:1280x720@30\n")
    with pytest.raises(SinkUnavailableError, match=r"kept at 1280x720 by .*--size 1280x720"):
        VirtualCamera((8, 6), 30)
    assert module.closed == 1
