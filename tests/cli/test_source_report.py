from fractions import Fraction

from livebg.cli.source_report import source_report
from livebg.source.base import SourceInfo
from livebg.source.modes import CameraMode

ASKED = CameraMode("MJPG", (1280, 720), (Fraction(30),))


def camera(asked: CameraMode | None, granted: CameraMode, name: str = "Desk") -> SourceInfo:
    rate = granted.rates[0] if granted.rates else None
    return SourceInfo(name, granted.size, rate, None, live=True, asked=asked, granted=granted)


def test_a_camera_that_gives_what_it_was_asked_for() -> None:
    assert source_report(camera(ASKED, ASKED)) == [
        "Desk: asked for 1280x720 MJPG at 30 frames/s, got 1280x720 MJPG at 30 frames/s"
    ]


def test_a_shortfall_is_a_warning_in_words() -> None:
    granted = CameraMode("YUYV", (640, 480), (Fraction(15),))
    assert source_report(camera(ASKED, granted)) == [
        "Desk: asked for 1280x720 MJPG at 30 frames/s, got 640x480 YUYV at 15 frames/s",
        "warning: Desk sends 640x480 instead of 1280x720 and sends YUYV instead of MJPG and "
        "makes 15 frames/s instead of 30 frames/s; `livebg cameras` lists what each camera can do",
    ]


def test_a_camera_that_was_asked_for_nothing() -> None:
    granted = CameraMode("h264", (640, 480), ())
    assert source_report(camera(None, granted)) == ["Desk: got 640x480 h264"]


def test_a_camera_in_the_network_is_not_listed_here() -> None:
    granted = CameraMode("h264", (640, 480), ())
    report = source_report(camera(CameraMode("", (320, 240)), granted, "rtsp://desk"))
    assert report == [
        "rtsp://desk: asked for 320x240, got 640x480 h264",
        "warning: rtsp://desk sends 640x480 instead of 320x240; a camera in the network is set up "
        "on itself",
    ]


def test_a_file() -> None:
    info = SourceInfo("talk.mp4", (640, 360), None, None, live=True)
    assert source_report(info) == ["talk.mp4, 640x360"]
