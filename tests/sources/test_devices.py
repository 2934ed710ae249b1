import pytest

from livebg.errors import SourceUnavailableError
from livebg.sources.devices import NO_CAMERA, CameraDevice, find_camera

DESK = CameraDevice("/dev/v4l/by-id/desk", "/dev/video0", 0, "Integrated Camera: HD")
LOGI = CameraDevice("usb-2#0", "/dev/video2", 2, "HD Pro Webcam C920")
PHONE = CameraDevice("platform:loopback#0", "/dev/video9", 9, "Phone", virtual=True)
LOCKED = CameraDevice("x", "/dev/video4", 4, "Locked", problem="you may not open it")
ALL = [PHONE, LOCKED, DESK, LOGI]


@pytest.mark.parametrize(
    ("selector", "camera"),
    [
        ("auto", DESK),
        ("2", LOGI),
        ("/dev/video2", LOGI),
        ("/dev/v4l/by-id/desk", DESK),
        ("usb-2#0", LOGI),
        ("c920", LOGI),
        ("Integrated Camera: HD", DESK),
        ("phone", PHONE),
    ],
)
def test_selectors(selector: str, camera: CameraDevice) -> None:
    assert find_camera(selector, ALL) is camera


def test_auto_takes_a_virtual_camera_before_none() -> None:
    assert find_camera("auto", [LOCKED, PHONE]) is PHONE


def test_auto_without_any_camera_says_what_to_try() -> None:
    with pytest.raises(SourceUnavailableError) as caught:
        find_camera("auto", [])
    assert str(caught.value) == NO_CAMERA
    assert caught.value.exit_status == 2


@pytest.mark.parametrize("selector", ["auto", "4", "locked", "/dev/video4"])
def test_a_camera_with_a_problem_is_refused_with_it(selector: str) -> None:
    with pytest.raises(SourceUnavailableError, match="you may not open it"):
        find_camera(selector, [LOCKED])


def test_an_unknown_name_lists_what_there_is() -> None:
    with pytest.raises(
        SourceUnavailableError, match=r"'brio' .* HD Pro Webcam C920 \(/dev/video2\)"
    ):
        find_camera("brio", ALL)


def test_an_unknown_name_without_any_camera() -> None:
    with pytest.raises(SourceUnavailableError, match=r"'brio' .* no camera found"):
        find_camera("brio", [])


@pytest.mark.parametrize("selector", ["77", "/dev/video77"])
def test_a_missing_device_is_asked_why(selector: str) -> None:
    with pytest.raises(SourceUnavailableError, match="there is no camera /dev/video77;"):
        find_camera(selector, ALL)
