import errno
import os
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import NoReturn

import pytest

from livebg.platform.camera_modes import CameraMode
from livebg.platform.linux import v4l2
from livebg.sources.linux_cameras import find_problem, list_linux_cameras
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


def webcam() -> FakeNode:
    return FakeNode(
        capability("Integrated Camera: HD", CAPTURE),
        {
            "YUYV": {
                discrete_size(640, 480): [discrete_interval(1, 30), discrete_interval(1, 15)],
                discrete_size(1280, 720): [discrete_interval(1, 10)],
            },
            "MJPG": {discrete_size(1280, 720): [discrete_interval(1001, 30000)]},
        },
    )


def test_request_numbers_are_those_of_the_kernel() -> None:
    """From linux/videodev2.h on x86-64 and arm64, where the structures are laid out alike."""
    assert v4l2.QUERYCAP == 0x80685600
    assert v4l2.ENUM_FMT == 0xC0405602
    assert v4l2.REQBUFS == 0xC0145608
    assert v4l2.ENUM_FRAMESIZES == 0xC02C564A
    assert v4l2.ENUM_FRAMEINTERVALS == 0xC034564B


def test_a_webcam_is_listed_with_its_modes(kernel: FakeKernel) -> None:
    path = kernel.plug_in(0, webcam())
    (camera,) = list_linux_cameras(kernel.sys_folder, kernel.dev_folder, kernel)
    assert (camera.path, camera.index, camera.name) == (str(path), 0, "Integrated Camera: HD")
    assert camera.id == "usb-0000:00:14.0-6#0"
    assert not camera.virtual
    assert not camera.problem
    assert camera.modes == (
        CameraMode("YUYV", (640, 480), (Fraction(30), Fraction(15))),
        CameraMode("YUYV", (1280, 720), (Fraction(10),)),
        CameraMode("MJPG", (1280, 720), (Fraction(30000, 1001),)),
    )


def test_only_capture_nodes_are_listed_in_the_order_of_their_numbers(kernel: FakeKernel) -> None:
    kernel.plug_in(10, webcam())
    kernel.plug_in(2, FakeNode(capability("Second", CAPTURE)))
    kernel.plug_in(3, FakeNode(capability("Second", METADATA)), index=1)
    kernel.plug_in(4, FakeNode(capability("idle virtual camera", OUTPUT)))
    kernel.plug_in(5, FakeNode(capability("codec", CAPTURE | MEMORY_TO_MEMORY)))
    kernel.plug_in(6, None)
    listed = list_linux_cameras(kernel.sys_folder, kernel.dev_folder, kernel)
    assert [camera.index for camera in listed] == [2, 10]


def test_a_machine_without_video_nodes_has_no_cameras(tmp_path: Path) -> None:
    assert list_linux_cameras(tmp_path / "none", tmp_path / "nothing") == []


def test_the_serial_number_names_a_camera_before_its_plug_does(kernel: FakeKernel) -> None:
    path = kernel.plug_in(0, webcam())
    by_id = kernel.link("by-id", "usb-Maker_Cam_1234-video-index0", path)
    kernel.link("by-path", "pci-0000:00:14.0-usb-0:6:1.0-video-index0", path)
    (camera,) = list_linux_cameras(kernel.sys_folder, kernel.dev_folder, kernel)
    assert camera.id == str(by_id)


def test_the_twin_without_a_link_by_serial_number_is_named_by_its_plug(kernel: FakeKernel) -> None:
    first, second = kernel.plug_in(0, webcam()), kernel.plug_in(2, webcam())
    kernel.link("by-id", "usb-Maker_Cam-video-index0", second)
    kernel.link("by-path", "second", second)
    plug = kernel.link("by-path", "first", first)
    listed = list_linux_cameras(kernel.sys_folder, kernel.dev_folder, kernel)
    assert listed[0].id == str(plug)
    assert listed[0].id != listed[1].id


def test_a_virtual_camera_with_any_size_lists_the_common_ones(kernel: FakeKernel) -> None:
    sizes = size_range((2, 2), (1280, 1280), (2, 2))
    intervals = [interval_range((1, 60), (1, 5))]
    node = FakeNode(
        capability("livebg", CAPTURE, driver="v4l2 loopback"), {"YU12": {sizes: intervals}}
    )
    kernel.plug_in(0, node)
    (camera,) = list_linux_cameras(kernel.sys_folder, kernel.dev_folder, kernel)
    assert camera.virtual
    assert CameraMode("YU12", (1280, 720), (Fraction(60), Fraction(5))) in camera.modes
    assert max(mode.size for mode in camera.modes) == (1280, 960)


def test_a_range_without_common_sizes_lists_its_largest(kernel: FakeKernel) -> None:
    node = FakeNode(
        capability("thermal", CAPTURE), {"GREY": {size_range((8, 8), (160, 120), (8, 8)): []}}
    )
    kernel.plug_in(0, node)
    (camera,) = list_linux_cameras(kernel.sys_folder, kernel.dev_folder, kernel)
    assert camera.modes == (CameraMode("GREY", (160, 120)),)


def test_an_interval_of_nothing_is_no_rate(kernel: FakeKernel) -> None:
    formats = {"YUYV": {discrete_size(640, 480): [discrete_interval(0, 0)]}}
    kernel.plug_in(0, FakeNode(capability("odd", CAPTURE), formats))
    (camera,) = list_linux_cameras(kernel.sys_folder, kernel.dev_folder, kernel)
    assert camera.modes == (CameraMode("YUYV", (640, 480)),)


def test_a_forbidden_camera_is_listed_with_what_to_do(
    kernel: FakeKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel.plug_in(0, webcam(), name="Integrated Camera")
    kernel.plug_in(1, webcam(), name="Integrated Camera", index=1)
    _refuse_to_open(monkeypatch, errno.EACCES)
    (camera,) = list_linux_cameras(kernel.sys_folder, kernel.dev_folder, kernel)
    assert camera.name == "Integrated Camera"
    assert "sudo usermod -aG video" in camera.problem


def test_a_camera_pulled_while_it_is_listed_is_left_out(
    kernel: FakeKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel.plug_in(0, webcam())
    _refuse_to_open(monkeypatch, errno.ENODEV)
    assert list_linux_cameras(kernel.sys_folder, kernel.dev_folder, kernel) == []


def test_nothing_is_wrong_with_a_free_camera(kernel: FakeKernel) -> None:
    assert find_problem(str(kernel.plug_in(0, webcam())), kernel) is None


@pytest.mark.integration
def test_a_busy_camera_says_who_uses_it(kernel: FakeKernel) -> None:
    node = webcam()
    node.busy = True
    path = kernel.plug_in(0, node)
    with path.open("rb") as held:
        user = subprocess.Popen(["sleep", "60"], stdin=held)
    try:
        problem = find_problem(str(path), kernel)
    finally:
        user.kill()
        user.wait()
    assert problem is not None
    assert f"in use by sleep (process {user.pid})" in problem


def test_a_busy_camera_whose_user_is_hidden(kernel: FakeKernel) -> None:
    node = webcam()
    node.busy = True
    problem = find_problem(str(kernel.plug_in(0, node)), kernel)
    assert problem is not None
    assert "in use by another program" in problem


def test_an_output_is_not_a_camera(kernel: FakeKernel) -> None:
    path = kernel.plug_in(0, FakeNode(capability("livebg", OUTPUT)))
    problem = find_problem(str(path), kernel)
    assert problem is not None
    assert "(livebg) is not a capture device" in problem


def test_a_file_is_not_a_camera(tmp_path: Path) -> None:
    """With the real ioctl, on a real file."""
    path = tmp_path / "notes.txt"
    path.touch()
    assert (
        find_problem(str(path)) == f"{path} is not a camera; `livebg cameras` lists what is there"
    )


def test_a_missing_camera(tmp_path: Path) -> None:
    problem = find_problem(str(tmp_path / "video7"))
    assert problem is not None
    assert problem.startswith(f"there is no camera {tmp_path}/video7;")


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
    problem = find_problem(str(path), kernel)
    assert problem is not None
    assert words in problem


def _refuse_to_open(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def refuse(*_: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("livebg.platform.linux.v4l2.os.open", refuse)
