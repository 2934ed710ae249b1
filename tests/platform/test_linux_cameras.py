import errno
import os
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NoReturn

import pytest

from livebg.platform.cameras import CameraDevice, CameraMode
from livebg.platform.linux import cameras as linux_cameras
from livebg.platform.linux.cameras import find_problem, list_linux_cameras
from livebg.platform.linux.procfs import Holder, Holders
from tests.support.fake_v4l2 import (
    CAPTURE,
    MEMORY_TO_MEMORY,
    METADATA,
    OUTPUT,
    FakeKernel,
    FakeNode,
    capability,
    discrete_interval,
    discrete_size,
    interval_range,
    size_range,
)


@pytest.fixture
def kernel(tmp_path: Path) -> FakeKernel:
    return FakeKernel(tmp_path)


def webcam(busy: bool = False) -> FakeNode:
    return FakeNode(capability("Integrated Camera: HD", CAPTURE), busy=busy)


def listed(kernel: FakeKernel) -> list[CameraDevice]:
    return list_linux_cameras(kernel.sys_folder, kernel.dev_folder, kernel)


def test_a_webcam_is_listed(kernel: FakeKernel) -> None:
    path = kernel.plug_in(0, webcam())
    (camera,) = listed(kernel)
    assert (camera.path, camera.index, camera.name) == (str(path), 0, "Integrated Camera: HD")
    assert camera.id == "usb-0000:00:14.0-6#0"
    assert not camera.virtual
    assert not camera.problem


@pytest.mark.parametrize(
    ("formats", "modes"),
    [
        (
            {
                "YUYV": {
                    discrete_size(640, 480): [discrete_interval(1, 30), discrete_interval(1, 15)],
                    discrete_size(1280, 720): [discrete_interval(1, 10)],
                },
                "MJPG": {discrete_size(1280, 720): [discrete_interval(1001, 30000)]},
            },
            (
                CameraMode("YUYV", (640, 480), (Fraction(30), Fraction(15))),
                CameraMode("YUYV", (1280, 720), (Fraction(10),)),
                CameraMode("MJPG", (1280, 720), (Fraction(30000, 1001),)),
            ),
        ),
        # A range without common sizes lists its largest.
        (
            {"GREY": {size_range((8, 8), (160, 120), (8, 8)): []}},
            (CameraMode("GREY", (160, 120)),),
        ),
        # An interval of nothing is no rate.
        (
            {"YUYV": {discrete_size(640, 480): [discrete_interval(0, 0)]}},
            (CameraMode("YUYV", (640, 480)),),
        ),
    ],
)
def test_its_modes_are_listed(
    kernel: FakeKernel,
    formats: Mapping[str, Mapping[bytes, Sequence[bytes]]],
    modes: tuple[CameraMode, ...],
) -> None:
    kernel.plug_in(0, FakeNode(capability("Cam", CAPTURE), formats))
    assert listed(kernel)[0].modes == modes


def test_a_virtual_camera_with_any_size_lists_the_common_ones(kernel: FakeKernel) -> None:
    sizes = size_range((2, 2), (1280, 1280), (2, 2))
    formats = {"YU12": {sizes: [interval_range((1, 60), (1, 5))]}}
    kernel.plug_in(0, FakeNode(capability("livebg", CAPTURE, driver="v4l2 loopback"), formats))
    (camera,) = listed(kernel)
    assert camera.virtual
    assert CameraMode("YU12", (1280, 720), (Fraction(60), Fraction(5))) in camera.modes
    assert max(mode.size for mode in camera.modes) == (1280, 960)


def test_only_capture_nodes_are_listed_in_the_order_of_their_numbers(kernel: FakeKernel) -> None:
    kernel.plug_in(10, webcam())
    kernel.plug_in(2, FakeNode(capability("Second", CAPTURE)))
    kernel.plug_in(3, FakeNode(capability("Second", METADATA)), index=1)
    kernel.plug_in(4, FakeNode(capability("idle virtual camera", OUTPUT)))
    kernel.plug_in(5, FakeNode(capability("codec", CAPTURE | MEMORY_TO_MEMORY)))
    kernel.plug_in(6, None)
    assert [camera.index for camera in listed(kernel)] == [2, 10]


def test_a_machine_without_video_nodes_has_no_cameras(tmp_path: Path) -> None:
    assert list_linux_cameras(tmp_path / "none", tmp_path / "nothing") == []


def test_a_camera_is_named_by_its_serial_number_else_by_its_plug(kernel: FakeKernel) -> None:
    first, second = kernel.plug_in(0, webcam()), kernel.plug_in(2, webcam())
    serial = kernel.link("by-id", "usb-Maker_Cam_1234-video-index0", second)
    kernel.link("by-path", "second", second)
    plug = kernel.link("by-path", "first", first)
    assert [camera.id for camera in listed(kernel)] == [str(plug), str(serial)]


def test_a_forbidden_camera_is_listed_with_what_to_do(
    kernel: FakeKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel.plug_in(0, webcam(), name="Integrated Camera")
    kernel.plug_in(1, webcam(), name="Integrated Camera", index=1)
    _refuse_to_open(monkeypatch, errno.EACCES)
    (camera,) = listed(kernel)
    assert camera.name == "Integrated Camera"
    assert "sudo usermod -aG video" in camera.problem
    _refuse_to_open(monkeypatch, errno.ENODEV)
    assert listed(kernel) == []


@pytest.mark.parametrize(
    ("node", "words"),
    [
        (webcam(busy=True), "is in use by another program"),
        (FakeNode(capability("livebg", OUTPUT)), "(livebg) is not a capture device"),
        (None, "is not a camera; `livebg cameras` lists what is there"),
        (webcam(), ""),
    ],
)
def test_a_node_that_cannot_be_used_says_why(
    kernel: FakeKernel, node: FakeNode | None, words: str
) -> None:
    problem = find_problem(str(kernel.plug_in(0, node)), kernel)
    assert words in problem if words else not problem


def test_a_busy_camera_says_who_uses_it(
    kernel: FakeKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    holders = Holders((Holder(30, "zoom", "/dev/video0", 1),))
    monkeypatch.setattr(linux_cameras, "find_holders", lambda paths: holders)
    problem = find_problem(str(kernel.plug_in(0, webcam(busy=True))), kernel)
    assert "in use by zoom (process 30)" in problem


def test_a_file_is_not_a_camera(tmp_path: Path) -> None:
    """With the real ioctl, on a real file."""
    path = tmp_path / "notes.txt"
    path.touch()
    assert find_problem(str(path)).startswith(f"{path} is not a camera;")
    missing = tmp_path / "video7"
    assert find_problem(str(missing)).startswith(f"there is no camera {missing};")


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EACCES, "you may not open camera"),
        (errno.EBUSY, "is in use by another program"),
        (errno.EIO, "cannot be opened (Input/output error)"),
    ],
)
def test_a_camera_that_the_system_refuses_to_open(
    kernel: FakeKernel, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    path = kernel.plug_in(0, webcam())
    _refuse_to_open(monkeypatch, number)
    assert words in find_problem(str(path), kernel)


def _refuse_to_open(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def refuse(*_: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("livebg.platform.linux.v4l2.os.open", refuse)
