import pytest

from livebg.config.camera import parse_camera
from livebg.errors import SourceUnavailableError
from livebg.platform.cameras import CameraDevice
from livebg.sources.devices import find_camera

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
    assert find_camera(parse_camera(selector), ALL) is camera


def test_auto_takes_a_virtual_camera_before_none() -> None:
    assert find_camera(parse_camera("auto"), [LOCKED, PHONE]) is PHONE


@pytest.mark.parametrize(
    ("selector", "cameras", "words"),
    [
        ("auto", [], r"no camera found; .* --camera VIDEO"),
        ("auto", [LOCKED], "you may not open it"),
        ("4", ALL, "you may not open it"),
        ("locked", ALL, "you may not open it"),
        ("/dev/video4", ALL, "you may not open it"),
        ("brio", ALL, r"'brio' .* HD Pro Webcam C920 \(/dev/video2\)"),
        ("brio", [], r"'brio' .* no camera found"),
        ("77", ALL, "there is no camera /dev/video77;"),
        ("/dev/video77", ALL, "there is no camera /dev/video77;"),
    ],
)
def test_a_camera_that_cannot_be_used_says_why(
    selector: str, cameras: list[CameraDevice], words: str
) -> None:
    with pytest.raises(SourceUnavailableError, match=words) as refusal:
        find_camera(parse_camera(selector), cameras)
    assert refusal.value.exit_status == 2
