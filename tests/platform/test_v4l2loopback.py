from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

import pytest

from livebg.errors import SinkUnavailableError
from livebg.platform.linux.procfs import Holder
from livebg.platform.linux.v4l2loopback import (
    LoopbackDevice,
    WriterHandle,
    choose_loopback,
    list_loopbacks,
    loopback_paths,
)
from tests.support.fake_loopback import CAPTURE, OUTPUT, FakeLoopback, FakeLoopbacks

if sys.platform != "linux":
    pytest.skip("v4l2loopback is a module of Linux", allow_module_level=True)


@pytest.fixture
def kernel(tmp_path: Path) -> FakeLoopbacks:
    return FakeLoopbacks(tmp_path)


def listed(kernel: FakeLoopbacks) -> list[LoopbackDevice]:
    return list_loopbacks(kernel.sys_folder, kernel.dev_folder, kernel, kernel.proc)


def choose(kernel: FakeLoopbacks, selector: str | None = None) -> str:
    return Path(choose_loopback(selector, listed(kernel)).path).name


def test_only_devices_of_v4l2loopback_are_listed(kernel: FakeLoopbacks) -> None:
    kernel.add(0, "Integrated Camera")
    path = kernel.add(10, "livebg", FakeLoopback(OUTPUT))
    kernel.add(9, "OBS Cam", FakeLoopback(CAPTURE))
    assert loopback_paths(kernel.sys_folder, kernel.dev_folder) == [
        str(path.with_name("video9")),
        str(path),
    ]
    assert listed(kernel) == [
        LoopbackDevice(str(path.with_name("video9")), "OBS Cam", captures=True),
        LoopbackDevice(str(path), "livebg", outputs=True),
    ]


def test_the_first_free_one_is_taken(kernel: FakeLoopbacks) -> None:
    kernel.add(8, "fed", FakeLoopback(CAPTURE))
    kernel.open_in(30, "ffmpeg", kernel.add(9, "open", FakeLoopback(OUTPUT | CAPTURE)))
    kernel.add(10, "free", FakeLoopback(OUTPUT))
    kernel.add(11, "free too", FakeLoopback(OUTPUT))
    assert choose(kernel) == "video10"


def test_a_free_one_of_our_name_comes_first(kernel: FakeLoopbacks) -> None:
    kernel.add(8, "livebg", FakeLoopback(CAPTURE))
    kernel.add(9, "OBS Cam", FakeLoopback(OUTPUT))
    kernel.add(10, "LiveBG two", FakeLoopback(OUTPUT))
    assert choose(kernel) == "video10"


def test_it_is_chosen_by_its_number() -> None:
    names = {"/dev/video1": "11", "/dev/video11": "livebg"}
    devices = [LoopbackDevice(path, name, outputs=True) for path, name in names.items()]
    assert choose_loopback("11", devices).path == "/dev/video11"


@pytest.mark.parametrize(
    ("capabilities", "reader"),
    [
        (0, False),  # an earlier program left it unusable
        (OUTPUT | CAPTURE, True),
    ],
)
def test_a_device_without_a_writer_is_free(
    kernel: FakeLoopbacks, capabilities: int, reader: bool
) -> None:
    path = kernel.add(10, "livebg", FakeLoopback(capabilities))
    if reader:
        kernel.open_in(30, "chrome", path)
    assert choose(kernel, "livebg") == "video10"


def test_the_camera_that_is_filtered_takes_no_writer(kernel: FakeLoopbacks) -> None:
    path = kernel.add(10, "phone", FakeLoopback(OUTPUT | CAPTURE))
    kernel.open_in(os.getpid(), "livebg", path)
    with pytest.raises(SinkUnavailableError, match="is the camera that is filtered"):
        choose(kernel, "phone")
    kernel.add(11, "free", FakeLoopback(OUTPUT | CAPTURE))
    assert choose(kernel) == "video11"


@pytest.mark.parametrize("selector", ["by path", "by link", "live", "LIVEBG"])
def test_it_is_chosen_by_path_and_by_a_part_of_its_name(
    kernel: FakeLoopbacks, selector: str, tmp_path: Path
) -> None:
    kernel.add(9, "other", FakeLoopback(OUTPUT))
    path = kernel.add(10, "livebg", FakeLoopback(OUTPUT))
    link = tmp_path / "link"
    link.symlink_to(path)
    selector = {"by path": str(path), "by link": str(link)}.get(selector, selector)
    assert choose(kernel, selector) == "video10"


def test_a_device_with_another_writer_is_refused_with_its_name(kernel: FakeLoopbacks) -> None:
    path = kernel.add(10, "livebg", FakeLoopback(CAPTURE))
    with pytest.raises(SinkUnavailableError, match="in use by another user's program"):
        choose(kernel, "livebg")
    kernel.open_in(30, "ffmpeg", path)
    with pytest.raises(SinkUnavailableError, match=r"in use by ffmpeg \(process 30\)") as caught:
        choose(kernel, "livebg")
    assert caught.value.exit_status == 2
    with pytest.raises(SinkUnavailableError, match=r"no virtual camera is free: .* by ffmpeg"):
        choose(kernel)


def test_all_reasons_are_said_when_none_is_free() -> None:
    holder = Holder(30, "chrome", "/dev/video9", 1)
    devices = [
        LoopbackDevice("/dev/video8", "mine", outputs=True, ours=True),
        LoopbackDevice("/dev/video9", "read", captures=True, outputs=True, holders=(holder,)),
        LoopbackDevice("/dev/video10", "closed", problem="you may not open /dev/video10"),
    ]
    with pytest.raises(SinkUnavailableError) as caught:
        choose_loopback(None, devices)
    said = str(caught.value)
    assert "/dev/video8 (mine) is the camera that is filtered" in said
    assert "/dev/video9 (read) is in use by chrome (process 30)" in said
    assert "you may not open /dev/video10" in said
    assert "devices=2" in said


@pytest.mark.parametrize(
    ("selector", "devices", "words"),
    [
        (None, [], "`livebg setup virtual-camera` shows how"),
        ("livebg", [], "`livebg setup virtual-camera` shows how"),
        ("obs", [LoopbackDevice("/dev/video10", "x")], r" obs: .* /dev/video10 \(x\)"),
    ],
)
def test_one_that_is_not_there_says_what_to_do(
    selector: str | None, devices: list[LoopbackDevice], words: str
) -> None:
    with pytest.raises(SinkUnavailableError, match=f"there is no virtual camera.*{words}"):
        choose_loopback(selector, devices)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermissionError(13, "Permission denied"), "sudo usermod -aG video"),
        (OSError(5, "Input/output error"), "load its module again"),
    ],
)
def test_a_device_that_cannot_be_opened_says_what_to_do(
    kernel: FakeLoopbacks, monkeypatch: pytest.MonkeyPatch, error: OSError, words: str
) -> None:
    kernel.add(10, "livebg", FakeLoopback(OUTPUT))

    def refuse(*arguments: object) -> NoReturn:
        raise error

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(SinkUnavailableError, match=words):
        choose(kernel, "livebg")


def test_a_device_that_forgot_that_it_is_an_output_is_reminded(kernel: FakeLoopbacks) -> None:
    device = FakeLoopback(0)
    WriterHandle(str(kernel.add(10, "livebg", device)), 30, kernel).close()
    assert device.asked == ["STREAMON", "S_PARM"]


@pytest.mark.parametrize(
    ("fps", "seconds"), [(30.0, (1, 30)), (29.97002997, (1001, 30000)), (12.5, (2, 25))]
)
def test_readers_are_told_the_rate(
    kernel: FakeLoopbacks, fps: float, seconds: tuple[int, int]
) -> None:
    device = FakeLoopback(OUTPUT | CAPTURE)
    handle = WriterHandle(str(kernel.add(10, "livebg", device)), fps, kernel)
    handle.close()
    assert device.rate == seconds
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(handle.descriptor)


def test_a_file_that_is_no_device_leaves_nothing_open(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="ioctl"):
        WriterHandle(str(tmp_path / "file"), 30)
    assert len(os.listdir("/proc/self/fd")) == before
