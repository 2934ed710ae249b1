from fractions import Fraction

import pytest

from livebg.frame import Size
from livebg.platform.cameras import CameraMode, choose_mode, shortfalls


def _mode(fourcc: str, size: Size, *rates: int) -> CameraMode:
    return CameraMode(fourcc, size, tuple(Fraction(rate) for rate in rates))


WEBCAM = [
    _mode("YUYV", (640, 480), 30, 15),
    _mode("YUYV", (1280, 720), 10),
    _mode("YUYV", (1920, 1080), 5),
    _mode("MJPG", (640, 480), 60, 30),
    _mode("MJPG", (1280, 720), 30),
    _mode("MJPG", (1920, 1080), 30),
    _mode("H264", (1920, 1080), 60),
]


NTSC = CameraMode("MJPG", (1280, 720), (Fraction(30000, 1001),))
FULL_HD = _mode("MJPG", (1920, 1080), 30)


@pytest.mark.parametrize(
    ("size", "fps", "fourcc", "chosen"),
    [
        ((640, 480), 30, "YUYV", (640, 480)),
        ((640, 480), 60, "MJPG", (640, 480)),
        ((1280, 720), 30, "MJPG", (1280, 720)),
        ((1280, 720), 10, "YUYV", (1280, 720)),
        ((1920, 1080), 60, "MJPG", (1920, 1080)),
        ((1200, 700), 30, "MJPG", (1280, 720)),
        (None, 30, "MJPG", (1280, 720)),
        (None, 10, "YUYV", (1280, 720)),
        (None, 60, "MJPG", (640, 480)),
        (None, 120, "MJPG", (640, 480)),
    ],
)
def test_chosen_mode(size: Size | None, fps: float, fourcc: str, chosen: Size) -> None:
    mode = choose_mode(WEBCAM, size, fps)
    assert mode is not None
    assert (mode.fourcc, mode.size) == (fourcc, chosen)


@pytest.mark.parametrize(
    ("modes", "fps", "chosen"),
    [
        ([], 30, None),
        ([_mode("H264", (1280, 720), 30)], 30, None),
        # Large ones only: the smallest.
        ([_mode("MJPG", (3840, 2160), 30), FULL_HD], 30, FULL_HD),
        # One without rates counts as quick enough, and 29.97 as 30.
        ([_mode("YUYV", (640, 480))], 240, _mode("YUYV", (640, 480))),
        ([NTSC, _mode("MJPG", (320, 240), 30)], 30, NTSC),
    ],
)
def test_chosen_default(modes: list[CameraMode], fps: float, chosen: CameraMode | None) -> None:
    assert choose_mode(modes, None, fps) == chosen


ASKED = _mode("MJPG", (1280, 720), 30)


@pytest.mark.parametrize(
    ("granted", "lacking"),
    [
        (ASKED, []),
        (_mode("MJPG", (1280, 720)), []),
        (_mode("", (1280, 720), 60), []),
        (NTSC, []),
        (_mode("MJPG", (1280, 720), 24), ["makes 24 frames/s instead of 30 frames/s"]),
        (_mode("YUYV", (1280, 720), 30), ["sends YUYV instead of MJPG"]),
        (
            _mode("YUYV", (640, 480), 15),
            [
                "sends 640x480 instead of 1280x720",
                "sends YUYV instead of MJPG",
                "makes 15 frames/s instead of 30 frames/s",
            ],
        ),
    ],
)
def test_what_a_camera_lacks(granted: CameraMode, lacking: list[str]) -> None:
    assert shortfalls(ASKED, granted) == lacking
    # What was not asked for is not lacking.
    assert shortfalls(CameraMode("", granted.size), granted) == []
