from fractions import Fraction
from pathlib import Path

import cv2
import pytest

from livebg.clock import ManualClock
from livebg.config.camera import parse_camera
from livebg.errors import InputError, SourceUnavailableError
from livebg.sources.camera import Camera
from livebg.sources.open import open_live
from livebg.sources.paced import PacedVideo
from livebg.sources.synthetic import SyntheticScene


def test_a_video_file_pretends_to_be_a_camera(talking_head_clip: Path) -> None:
    clock = ManualClock()
    with open_live(parse_camera(str(talking_head_clip)), size=None, fps=30, clock=clock) as source:
        assert isinstance(source, PacedVideo)
        assert source.info.live
        assert source.info.size == (640, 360)
        count = 80  # the clip has 72 frames: this goes round
        frames = [source.read() for _ in range(count)]
    assert [frame.index for frame in frames] == list(range(count))
    rate = source.info.frame_rate
    assert rate is not None
    # Times in the file are rounded to its own time base.
    assert frames[-1].captured_ns / 1e9 == pytest.approx(float((count - 1) / rate), abs=0.01)


def test_a_folder_of_pictures_pretends_to_be_a_camera(tmp_path: Path) -> None:
    for frame in SyntheticScene((64, 64), frame_count=2):
        cv2.imwrite(str(tmp_path / f"{frame.index}.png"), frame.image)
    with open_live(parse_camera(str(tmp_path)), size=None, fps=12.5, clock=ManualClock()) as source:
        assert source.info.frame_rate == Fraction(25, 2)
        assert [source.read().index for _ in range(5)] == [0, 1, 2, 3, 4]


def test_an_address_may_be_long(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(
        Camera, "__init__", lambda self, selector, **how: asked.append(selector.text)
    )
    address = f"rtsp://192.0.2.7/stream?token={'x' * 300}"
    open_live(parse_camera(address), size=None, fps=30)
    assert asked == [address]


def test_a_missing_device_is_a_camera(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailableError, match="there is no camera /dev/video77"):
        open_live(parse_camera("/dev/video77"), size=None, fps=30)


def test_what_is_no_path_is_a_camera_s_name() -> None:
    with pytest.raises(SourceUnavailableError, match="'no such camera' is neither"):
        open_live(parse_camera("no such camera"), size=None, fps=30)


def test_a_file_that_is_no_video_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a video")
    with pytest.raises(InputError, match=r"notes\.txt"):
        open_live(parse_camera(str(path)), size=None, fps=30)
