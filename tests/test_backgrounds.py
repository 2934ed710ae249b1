from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.video.frame import VideoFrame

from livebg.backgrounds import ReadAhead, VideoPlate, open_background
from livebg.compositing.backgrounds import (
    BlurPlate,
    GreyPlate,
    Plate,
    StillPlate,
    TransparentPlate,
    UnfilteredPlate,
)
from livebg.config.background import Background, parse_background
from livebg.errors import (
    DamagedFileError,
    EndOfStreamError,
    InputError,
    SourceError,
)
from livebg.frame import Frame, FramePyramid, Image
from livebg.sources.base import Source, SourceInfo
from livebg.sources.video import VideoFile
from tests.support.clips import number_of, write_clip
from tests.support.mattes import frame_of, noise_frame
from tests.support.scenes import SyntheticScene

MS = 1_000_000


class Film(Source):
    """Frames at given times; the picture's level is its number."""

    def __init__(self, times_ms: Sequence[int], log: list[str], break_after: int | None = None):
        self._times_ms = times_ms
        self._log = log
        self._break_after = break_after
        self._next = 0
        log.append("open")

    @property
    def info(self) -> SourceInfo:
        return SourceInfo("film", (4, 3), None, None, live=False)

    def read(self) -> Frame:
        if self._next == self._break_after:
            raise DamagedFileError("film breaks off")
        if self._next == len(self._times_ms):
            raise EndOfStreamError("over")
        self._log.append("read")
        number, self._next = self._next, self._next + 1
        image = np.full((3, 4, 3), number, np.uint8)
        return Frame(image, number, self._times_ms[number] * MS)

    def close(self) -> None:
        self._log.append("close")


def level(image: Image) -> int:
    return int(image[0, 0, 0])


def shown(video: VideoPlate, times_ms: Sequence[int], read: Callable[[Image], int]) -> list[int]:
    return [read(video.picture_at(time * MS)) for time in times_ms]


@pytest.fixture
def log() -> list[str]:
    return []


def test_each_picture_is_shown_from_its_time_on(log: list[str]) -> None:
    video = VideoPlate(partial(Film, [0, 40, 80], log))
    assert shown(video, [0, 39, 40, 41, 79, 80, 119], level) == [0, 0, 1, 1, 1, 2, 2]


def test_it_starts_again_when_it_is_over(log: list[str]) -> None:
    video = VideoPlate(partial(Film, [0, 40, 80], log))
    times = [0, 119, 120, 160, 200, 239, 240, 360, 480, 520]
    assert shown(video, times, level) == [0, 2, 0, 1, 2, 2, 0, 0, 0, 1]


def test_a_variable_frame_rate_is_kept_in_every_round(log: list[str]) -> None:
    # The last picture is shown for as long as the one before it: 500 ms.
    video = VideoPlate(partial(Film, [0, 10, 100, 600], log))
    times = [0, 9, 10, 99, 100, 599, 600, 1099]
    one_round = [0, 0, 1, 1, 2, 2, 3, 3]
    assert shown(video, times, level) == one_round
    assert shown(video, [1100 + time for time in times], level) == one_round


def test_pictures_that_nobody_sees_are_skipped_within_a_round(log: list[str]) -> None:
    video = VideoPlate(partial(Film, [0, 40, 80, 120], log))
    assert shown(video, [0, 121], level) == [0, 3]
    assert log.count("open") == 1


def test_after_a_long_pause_the_missed_rounds_are_not_decoded(log: list[str]) -> None:
    video = VideoPlate(partial(Film, [0, 40, 80], log))
    shown(video, [0, 130], level)
    before = log.count("read")
    # An hour later: 30,000 rounds of 120 ms, and 41 ms.
    assert shown(video, [120 * 30_000 + 41, 120 * 30_000 + 81], level) == [1, 2]
    assert log.count("read") - before <= 2 * 3 + 1


def test_the_same_picture_is_the_same_array(log: list[str]) -> None:
    """So that a plate fits it to the frame only once."""
    video = VideoPlate(partial(Film, [0, 40], log))
    assert video.picture_at(0) is video.picture_at(39 * MS)
    assert video.picture_at(39 * MS) is not video.picture_at(40 * MS)


def test_a_plate_begins_with_the_first_frame_and_never_goes_back(log: list[str]) -> None:
    plate = VideoPlate(partial(Film, [0, 40, 80, 120, 160], log))
    images = [
        plate.render(FramePyramid(noise_frame((64, 48), index=index)), NOBODY)
        for index in (100, 101, 103, 103, 99)  # frames are 40 ms apart
    ]
    assert [level(image) for image in images] == [0, 1, 3, 3, 3]
    assert all(image.shape == (48, 64, 3) for image in images)
    assert images[2] is images[3]
    assert plate.render(FramePyramid(noise_frame((48, 64), index=103)), NOBODY).shape == (64, 48, 3)


def test_a_single_picture_stays_and_is_read_once(log: list[str]) -> None:
    video = VideoPlate(partial(Film, [0], log))
    first = video.picture_at(0)
    assert video.picture_at(10 * MS) is first
    assert video.picture_at(10**9 * MS) is first
    assert log == ["open", "read"]


def test_one_round_at_a_time_is_open(log: list[str]) -> None:
    video = VideoPlate(partial(Film, [0, 40], log))
    shown(video, range(0, 1000, 20), level)
    assert log.count("open") == log.count("close") + 1
    video.close()
    assert log.count("open") == log.count("close")


def test_a_video_that_breaks_off_at_once_is_closed_again(log: list[str]) -> None:
    for count in (0, 1):
        with pytest.raises(DamagedFileError, match="breaks off"):
            VideoPlate(partial(Film, [0, 40], log, count))
    assert log.count("open") == log.count("close") == 2


def test_a_real_video_loops_at_its_own_rate(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "five.mp4", count=5)  # 25 a second: 40 ms each, 200 ms a round
    video = VideoPlate(partial(VideoFile, path))
    times = [0, 39, 41, 79, 81, 121, 161, 199, 201, 241, 399, 401]
    assert shown(video, times, number_of) == [0, 0, 1, 1, 2, 3, 4, 4, 0, 1, 4, 0]
    video.close()


def test_a_real_video_with_a_variable_frame_rate(tmp_path: Path) -> None:
    times_s = [Fraction(0), Fraction(1, 10), Fraction(3, 10), Fraction(4, 10)]
    path = write_clip(tmp_path / "vfr.mkv", count=4, times_s=times_s)
    video = VideoPlate(partial(VideoFile, path))
    times = [0, 95, 105, 205, 295, 305, 395, 405, 495, 505, 595, 605]
    assert shown(video, times, number_of) == [0, 0, 1, 1, 1, 2, 2, 3, 3, 0, 0, 1]
    video.close()


def write_gif(path: Path, levels: Sequence[int]) -> Path:
    """Write grey pictures at 10 a second."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("gif", rate=10)
        stream.width, stream.height, stream.pix_fmt = 32, 24, "rgb8"
        for number, grey in enumerate(levels):
            image = np.full((24, 32, 3), grey, np.uint8)
            picture = VideoFrame.from_ndarray(image, format="bgr24").reformat(format="rgb8")
            picture.pts, picture.time_base = number, Fraction(1, 10)
            output.mux(stream.encode(picture))
        output.mux(stream.encode(None))
    return path


def test_a_gif_loops(tmp_path: Path) -> None:
    video = VideoPlate(partial(VideoFile, write_gif(tmp_path / "blink.gif", [0, 255])))
    assert shown(video, [0, 95, 105, 195, 205, 305], level) == [0, 0, 255, 255, 0, 255]
    video.close()


def test_a_gif_of_one_picture_stays(tmp_path: Path) -> None:
    video = VideoPlate(partial(VideoFile, write_gif(tmp_path / "still.gif", [255])))
    assert shown(video, [0, 95, 10_000], level) == [255, 255, 255]
    assert video.picture_at(10_000 * MS) is video.picture_at(20_000 * MS)
    video.close()


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "note.mp4"
    path.write_text("not a video")
    with pytest.raises(InputError, match=r"note\.mp4"):
        VideoPlate(partial(VideoFile, path))


class Breaking(SyntheticScene):
    """A scene that breaks off after its third frame."""

    def read(self) -> Frame:
        frame = super().read()
        if frame.index == 3:
            raise SourceError("the disk was pulled out")
        return frame


def background_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name == "livebg-background"]


def test_what_was_read_before_an_error_still_comes_and_then_the_error() -> None:
    with ReadAhead(lambda: Breaking((64, 64), frame_count=8)) as source:
        assert [source.read().index for _ in range(3)] == [0, 1, 2]
        with pytest.raises(SourceError, match="pulled out"):
            source.read()


def test_closing_in_the_middle_ends_the_thread_and_closes_the_source() -> None:
    inner = SyntheticScene((64, 64), frame_count=100)
    source = ReadAhead(lambda: inner, ahead=2)
    source.read()
    source.close()
    assert background_threads() == []
    with pytest.raises(SourceError):
        inner.read()


def test_a_source_that_cannot_be_opened_starts_no_thread() -> None:
    def refuse() -> Source:
        raise InputError("there is no such file")

    with pytest.raises(InputError, match="no such file"):
        ReadAhead(refuse)
    assert background_threads() == []


FRAME = noise_frame((64, 48))
NOBODY = np.zeros((6, 8), np.float32)


def rendered(spec: str, frame: Frame = FRAME) -> Image:
    plate = opened(spec)
    try:
        return plate.render(FramePyramid(frame), NOBODY).copy()
    finally:
        plate.close()


def opened(spec: str) -> Plate:
    return open_background(parse_background(spec))


@pytest.mark.parametrize(
    ("spec", "kind"), [("transparent", TransparentPlate), ("none", UnfilteredPlate)]
)
def test_some_blend_nothing(spec: str, kind: type[Plate]) -> None:
    assert isinstance(opened(spec), kind)
    assert isinstance(opened(spec.upper()), kind)


@pytest.mark.parametrize(
    ("spec", "colour"),
    [
        ("white", (255, 255, 255)),
        ("color:#ff8000", (0, 128, 255)),
    ],
)
def test_colours_are_red_green_blue(spec: str, colour: tuple[int, int, int]) -> None:
    assert (rendered(spec) == colour).all()


def test_gray_is_the_room_without_colour() -> None:
    assert isinstance(opened("gray"), GreyPlate)
    assert np.ptp(rendered("gray"), axis=2).max() == 0


@pytest.mark.parametrize("strength", [0, 37.5, 100])
def test_a_blur_has_a_strength(strength: float) -> None:
    expected = BlurPlate(strength).render(FramePyramid(FRAME), NOBODY)
    assert np.array_equal(rendered(f"blur:{strength}"), expected)


class Stripes(Background):
    def __init__(self, plate: object) -> None:
        self.plate = plate

    def open(self) -> object:
        return self.plate


def test_a_background_of_ones_own_opens_its_plate() -> None:
    plate = GreyPlate()
    assert open_background(Stripes(plate)) is plate
    with pytest.raises(TypeError, match=r"Stripes\.open returned None, which is no Plate"):
        open_background(Stripes(None))


@pytest.mark.parametrize("name", ["room.png", "room.jpg", "ROOM.PNG", "white: a wall.png"])
def test_a_picture_covers_the_frame(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    cv2.imwrite(str(path), np.full((30, 90, 3), (200, 100, 50), np.uint8))
    assert isinstance(opened(str(path)), StillPlate)
    # JPEG may be a level or two off.
    assert np.abs(rendered(str(path)).astype(int) - (200, 100, 50)).max() <= 3


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv", "FILM.MOV"])
def test_a_video_plays(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    write_clip(path, count=4)
    plate = opened(str(path))
    assert isinstance(plate, VideoPlate)
    seen = [
        # The fake frames are 40 ms apart, as the video's.
        number_of(plate.render(FramePyramid(frame_of(FRAME.image, index)), NOBODY))
        for index in range(6)
    ]
    plate.close()
    assert seen == [0, 1, 2, 3, 0, 1]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("empty.png", b"", r"empty\.png: the file is empty"),
        ("note.png", b"only text", r"note\.png: this is not a picture"),
        ("empty.mp4", b"", r"empty\.mp4: the file is empty"),
        ("note.mp4", b"only text", r"note\.mp4"),
        ("note.gif", b"GIF89a", r"note\.gif"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(
    tmp_path: Path, name: str, content: bytes, sentence: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=sentence) as caught:
        opened(str(path))
    assert caught.value.exit_status == 2
