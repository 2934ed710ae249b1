"""Whether the parts are put together in the right order; real devices are for the system tests."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from livebg.errors import SinkUnavailableError
from livebg.types import Image, Size

if sys.platform != "linux":
    pytest.skip("v4l2loopback is a module of Linux", allow_module_level=True)

from livebg.sink import loopback_feed
from livebg.sink.loopback_device import LoopbackDevice
from livebg.sink.loopback_feed import LoopbackFeed

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
    assert LoopbackFeed(None, SIZE, 30.0, order.open).watched is readers


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
