"""The camera's two ends: a network camera for real, on loopback, and OpenCV's V4L2 by a fake."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from livebg.clock import ManualClock
from livebg.config.camera import parse_camera
from livebg.errors import SourceError, SourceUnavailableError
from livebg.frame import Image
from livebg.platform.cameras import CameraDevice
from livebg.sources.camera import Camera
from tests.support.fake_capture import (
    MODES,
    WEBCAM,
    FakeCapture,
    PassingClock,
    open_webcam,
    picture,
)
from tests.support.loopback import Loopback
from tests.support.pretend_camera import pretend_camera
from tests.support.rtsp_camera import rtsp_camera
from tests.support.scenes import SyntheticScene


def test_it_asks_for_mjpg_where_yuyv_is_too_slow() -> None:
    camera, capture = open_webcam(size=(1280, 720))
    assert capture.asked == [
        (cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG")),
        (cv2.CAP_PROP_FRAME_WIDTH, 1280),
        (cv2.CAP_PROP_FRAME_HEIGHT, 720),
        (cv2.CAP_PROP_FPS, 30),
        (cv2.CAP_PROP_BUFFERSIZE, 1),
    ]
    assert camera.info.asked == camera.info.granted == MODES[2]


def test_a_camera_that_lists_nothing_is_asked_for_720p_in_its_own_format() -> None:
    device = CameraDevice("0", "0", 0, "camera 0")
    _, capture = open_webcam(device=device)
    assert (cv2.CAP_PROP_FRAME_WIDTH, 1280) in capture.asked
    assert cv2.CAP_PROP_FOURCC not in dict(capture.asked)


def test_it_says_what_was_granted_not_what_was_asked() -> None:
    small = picture((640, 480))
    granted = {cv2.CAP_PROP_FPS: 15.0, cv2.CAP_PROP_FOURCC: cv2.VideoWriter.fourcc(*"YUYV")}
    capture = FakeCapture([small], granted=granted)
    camera, _ = open_webcam(size=(1280, 720), capture=capture)
    assert str(camera.info.asked) == "1280x720 MJPG at 30 frames/s"
    assert str(camera.info.granted) == "640x480 YUYV at 15 frames/s"
    assert camera.info.size == (640, 480)
    assert camera.info.frame_rate == 15
    assert camera.info.live
    assert camera.info.name == "Desk Camera (/dev/video3)"
    assert camera.id == WEBCAM.id
    camera.close()
    assert capture.released


def test_it_was_asked_for_the_users_size_also_where_it_lists_none_like_that() -> None:
    camera, _ = open_webcam(picture((1280, 720)), size=(1920, 1080))
    assert str(camera.info.asked) == "1920x1080 MJPG at 30 frames/s"
    assert str(camera.info.granted) == "1280x720 MJPG at 30 frames/s"


@pytest.mark.parametrize("fps", [0.0, -1.0, float("nan"), 1e9])
def test_a_driver_that_does_not_know_its_rate(fps: float) -> None:
    capture = FakeCapture([picture()], granted={cv2.CAP_PROP_FPS: fps})
    camera, _ = open_webcam(capture=capture)
    assert camera.info.frame_rate is None


def test_frames_are_counted_from_0_after_the_warm_up_and_stamped_by_the_clock() -> None:
    camera, capture = open_webcam()
    warm_up = capture.grabs
    frames = [camera.read(), camera.read()]
    assert [frame.index for frame in frames] == [0, 1]
    assert frames[0].captured_ns == 7
    assert capture.grabs == warm_up + 2


def test_an_unplugged_camera_fails_at_once_and_every_time() -> None:
    camera, capture = open_webcam(picture(), picture(), picture(), "gone")
    camera.read()
    for attempt in (1, 2):
        with pytest.raises(SourceError, match=r"Desk Camera \(/dev/video3\) stopped delivering"):
            camera.read()
        assert capture.grabs == 3 + attempt


def test_a_picture_that_cannot_be_decoded_is_skipped_and_counted() -> None:
    camera, _ = open_webcam(picture(), picture(), picture(), None, "broken", picture())
    assert [camera.read().index, camera.read().index] == [0, 3]


@pytest.mark.parametrize(
    ("pictures", "words"),
    [
        ([picture(), picture(), None], "30 pictures in a row that cannot be decoded"),
        ([picture(), picture(), picture((640, 480))], "from 1280x720 to 640x480"),
        # It can be opened, but not read.
        ([picture(level=0)], "delivers black pictures only; is its cover closed"),
    ],
)
def test_a_camera_that_delivers_nothing_to_show_fails(
    pictures: list[Image | str | None], words: str
) -> None:
    camera, _ = open_webcam(*pictures, clock=PassingClock())
    with pytest.raises(SourceError, match=words):
        camera.read()


class SlowCapture(FakeCapture):
    """Answers the fourth request after more than two seconds, with a picture that was held back."""

    clock = ManualClock()

    def grab(self) -> bool:
        self.clock.advance(2.1 if self.grabs == 3 else 0.03)
        return super().grab()


def test_a_picture_that_was_held_back_for_two_seconds_hides_no_silence() -> None:
    capture = SlowCapture([picture()])
    camera, _ = open_webcam(capture=capture, clock=capture.clock)
    camera.read()
    with pytest.raises(SourceError, match="stopped delivering"):
        camera.read()


def test_a_camera_that_goes_black_fails_after_two_seconds() -> None:
    black = picture(level=3)
    camera, _ = open_webcam(picture(), picture(), black, clock=PassingClock())
    seen = []
    with pytest.raises(SourceError, match="delivers black pictures only; is its cover closed"):
        while True:
            seen.append(camera.read())
    assert len(seen) == 9


def test_a_camera_may_be_black_for_a_moment() -> None:
    pictures = [picture(), picture(), *[picture(level=3)] * 8, picture()]
    camera, _ = open_webcam(*pictures, *pictures, clock=PassingClock())
    for _ in range(20):
        camera.read()


def test_black_pictures_after_the_start_are_thrown_away() -> None:
    black = picture(level=0)
    camera, capture = open_webcam(black, black, black, picture(), clock=PassingClock())
    assert capture.grabs == 4
    assert camera.read().image.max() == 90


@pytest.mark.parametrize(
    ("opens", "words"),
    [(True, "opened but delivers no picture"), (False, "there is no camera /dev/video3")],
)
def test_a_camera_that_cannot_be_opened_or_stays_silent_is_released(
    opens: bool, words: str
) -> None:
    capture = FakeCapture(["gone"], opens=opens)
    with pytest.raises(SourceUnavailableError, match=words):
        open_webcam(capture=capture)
    assert capture.released == 1


def test_a_real_network_camera_that_hangs_up() -> None:
    image = next(iter(SyntheticScene((320, 240), frame_count=1))).image
    with (
        pretend_camera([image]) as server,
        Camera(parse_camera(server.url), size=None, fps=30) as camera,
    ):
        assert camera.info.size == (320, 240)
        assert camera.info.live
        received = [camera.read() for _ in range(8)]
        server.mood = "gone"
        with pytest.raises(SourceError, match="stopped delivering"):
            while True:
                received.append(camera.read())
    assert [frame.index for frame in received] == list(range(len(received)))
    times = [frame.captured_ns for frame in received]
    assert times == sorted(times)
    # JPEG at quality 95 keeps a picture within a few levels.
    assert np.abs(received[-1].image.astype(int) - image).mean() < 4


def test_an_rtsp_camera() -> None:
    shown = next(iter(SyntheticScene((320, 240), frame_count=1))).image
    with (
        rtsp_camera(shown) as server,
        Camera(parse_camera(server.url), size=(640, 480), fps=30) as camera,
    ):
        assert camera.info.size == (320, 240)
        assert camera.info.asked is not None
        assert camera.info.asked.size == (640, 480)
        frames = [camera.read() for _ in range(10)]
    assert [frame.index for frame in frames] == list(range(10))
    # H.264 with the quickest settings keeps a picture within a few levels.
    assert np.abs(frames[-1].image.astype(int) - shown).mean() < 6


def test_a_network_camera_that_is_not_there_hides_its_password(loopback: Loopback) -> None:
    loopback.add_status("stream", 404)
    port = loopback.server.server_port
    with pytest.raises(SourceUnavailableError) as caught:
        Camera(parse_camera(f"http://me:secret@127.0.0.1:{port}/stream"), size=None, fps=30)
    assert f"http://127.0.0.1:{port}/stream could not be opened" in str(caught.value)
