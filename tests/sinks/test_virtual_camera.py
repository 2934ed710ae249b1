"""Everything around pyvirtualcam, by a stand-in for it: no test machine has the kernel module."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from livebg.errors import SinkError, SinkUnavailableError
from livebg.frame import Composite, Image, Size
from livebg.sinks.virtual_camera import VirtualCamera


class FakePyvirtualcam(SimpleNamespace):
    """A module with one device; a ``failure`` set before opening or sending is raised there."""

    PixelFormat = SimpleNamespace(I420="I420")

    def __init__(self) -> None:
        super().__init__()
        self.failure: Exception | None = None
        self.opened: dict[str, Any] = {}
        self.sent: list[Image] = []
        self.closed = 0

    def Camera(self, width: int, height: int, fps: float, **options: Any) -> Any:
        if self.failure:
            raise self.failure
        self.opened = {"size": (width, height), "fps": fps, **options}
        return SimpleNamespace(
            device=options["device"] or "/dev/video10", send=self._send, close=self._close
        )

    def _send(self, image: Image) -> None:
        if self.failure:
            raise self.failure
        assert VirtualCamera.pixel_format.fits(image)
        assert VirtualCamera.pixel_format.size(image) == self.opened["size"]
        assert image.flags.c_contiguous
        self.sent.append(image)

    def _close(self) -> None:
        self.closed += 1


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakePyvirtualcam:
    """Stands in on a system where pyvirtualcam chooses the device; Linux has tests of its own."""
    module = FakePyvirtualcam()
    monkeypatch.setitem(sys.modules, "pyvirtualcam", module)
    monkeypatch.setattr(sys, "platform", "win32")
    return module


def composite(size: Size = (8, 6), channels: int = 3) -> Composite:
    return Composite(np.full((size[1], size[0], channels), 9, np.uint8), 0, 0)


def test_fake_device_gets_i420_at_the_announced_size_and_rate(fake: FakePyvirtualcam) -> None:
    with VirtualCamera((8, 6), 25.0) as sink:
        assert fake.opened == {"size": (8, 6), "fps": 25.0, "fmt": "I420", "device": None}
        assert sink.device == "/dev/video10"
        assert sink.name == "virtual camera /dev/video10"
        sink.send(composite())
    # Grey of level 9 of 255 is 16 + 9 * 219 / 255 in limited range.
    assert (fake.sent[0][:6] == 24).all()
    assert (fake.sent[0][6:] == 128).all()
    assert fake.closed == 1


def test_fake_device_gets_what_was_composed_in_its_format_as_it_is(fake: FakePyvirtualcam) -> None:
    image = np.random.default_rng(1).integers(0, 256, (9, 8)).astype(np.uint8)
    with VirtualCamera((8, 6), 25.0) as sink:
        sink.send(Composite(image, 0, 0, pixel_format=VirtualCamera.pixel_format))
    assert fake.sent[0] is image


def test_fake_device_of_an_odd_size_loses_a_column_and_a_row(fake: FakePyvirtualcam) -> None:
    sink = VirtualCamera((9, 7), 30)
    sink.send(composite((9, 7)))
    assert sink.size == fake.opened["size"] == (8, 6)
    sink.close()


def test_fake_device_gets_black_for_transparent(fake: FakePyvirtualcam) -> None:
    image = np.full((6, 8, 4), (200, 100, 50, 0), np.uint8)
    with VirtualCamera((8, 6), 30) as sink:
        sink.send(Composite(image, 0, 0))
    assert (fake.sent[0][:6] == 16).all()
    assert (fake.sent[0][6:] == 128).all()


def test_fake_device_refuses_another_size(fake: FakePyvirtualcam) -> None:
    with (
        VirtualCamera((8, 6), 30) as sink,
        pytest.raises(SinkError, match="opened for 8x6 and cannot take a picture of 16x12"),
    ):
        sink.send(composite((16, 12)))


def test_fake_device_that_is_removed_is_a_sink_error(fake: FakePyvirtualcam) -> None:
    sink = VirtualCamera((8, 6), 30, "/dev/video4")
    fake.failure = RuntimeError("error writing frame")
    with pytest.raises(SinkError, match="virtual camera /dev/video4 takes no more pictures"):
        sink.send(composite())
    sink.close()


def test_fake_device_is_closed_once_and_refuses_pictures_afterwards(fake: FakePyvirtualcam) -> None:
    sink = VirtualCamera((8, 6), 30)
    sink.close()
    sink.close()
    assert fake.closed == 1
    with pytest.raises(SinkError, match="is closed"):
        sink.send(composite())


@pytest.mark.parametrize(
    ("platform", "advice"),
    [
        ("darwin", "install OBS"),
        ("win32", "install OBS"),
    ],
)
def test_no_fake_device_says_how_to_get_one(
    fake: FakePyvirtualcam, monkeypatch: pytest.MonkeyPatch, platform: str, advice: str
) -> None:
    fake.failure = RuntimeError("'v4l2loopback' backend: No device found.\n'obs' backend: none.")
    monkeypatch.setattr(sys, "platform", platform)
    with pytest.raises(SinkUnavailableError, match=advice) as caught:
        VirtualCamera((8, 6), 30)
    assert "No device found. 'obs' backend: none." in str(caught.value)
    assert caught.value.exit_status == 2


def test_a_fake_device_does_not_tell_whether_it_is_watched(fake: FakePyvirtualcam) -> None:
    with VirtualCamera((8, 6), 30) as sink:
        assert sink.has_readers is None


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux which devices there are")
def test_a_device_that_is_not_there_says_how_to_get_one() -> None:
    with pytest.raises(SinkUnavailableError, match="there is no virtual camera /dev/video77"):
        VirtualCamera((8, 6), 30, "/dev/video77")


def test_a_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setitem(sys.modules, "pyvirtualcam", None)
    with pytest.raises(SinkUnavailableError, match="pip install pyvirtualcam"):
        VirtualCamera((8, 6), 30)
