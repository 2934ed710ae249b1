from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest

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


@pytest.mark.parametrize(
    ("film_ms", "times_ms", "levels"),
    [
        ([0, 40, 80], [0, 39, 40, 41, 79, 80, 119], [0, 0, 1, 1, 1, 2, 2]),
        ([0, 40, 80], [0, 119, 120, 160, 200, 239, 240, 480, 520], [0, 2, 0, 1, 2, 2, 0, 0, 1]),
        ([0, 10, 100, 600], [9, 10, 99, 100, 599, 600, 1099], [0, 1, 1, 2, 2, 3, 3]),
        ([0, 10, 100, 600], [1100, 1110, 1200, 1700, 2199, 2200], [0, 1, 2, 3, 3, 0]),
        ([0, 40, 80, 120], [0, 121], [0, 3]),
    ],
    ids=["in time", "again", "variable rate", "variable rate again", "skipped"],
)
def test_each_picture_is_shown_from_its_time_on_in_every_round(
    log: list[str], film_ms: list[int], times_ms: list[int], levels: list[int]
) -> None:
    assert shown(VideoPlate(partial(Film, film_ms, log)), times_ms, level) == levels


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


@pytest.mark.parametrize(
    ("film_tenths", "times_ms", "numbers"),
    [
        (None, [0, 39, 41, 121, 161, 199, 201, 241, 399, 401], [0, 0, 1, 3, 4, 4, 0, 1, 4, 0]),
        ([0, 1, 3, 4, 5], [95, 105, 295, 305, 405, 595, 605], [0, 1, 1, 2, 3, 4, 0]),
    ],
    ids=["25 frames/s", "variable rate"],
)
def test_a_real_video_loops_at_its_own_rate(
    tmp_path: Path, film_tenths: list[int] | None, times_ms: list[int], numbers: list[int]
) -> None:
    times_s = [Fraction(tenths, 10) for tenths in film_tenths] if film_tenths else None
    video = VideoPlate(partial(VideoFile, write_clip(tmp_path / "f.mkv", count=5, times_s=times_s)))
    assert shown(video, times_ms, number_of) == numbers
    video.close()


@pytest.mark.parametrize(
    ("levels", "seen"), [([0, 255], [0, 0, 255, 255, 0, 255]), ([255], [255] * 6)]
)
def test_a_gif_loops(tmp_path: Path, levels: list[int], seen: list[int]) -> None:
    first, *others = (PIL.Image.new("L", (32, 24), grey) for grey in levels)
    path = tmp_path / "blink.gif"
    first.save(path, save_all=True, append_images=others, duration=100)
    video = VideoPlate(partial(VideoFile, path))
    assert shown(video, [0, 95, 105, 195, 205, 305], level) == seen
    video.close()


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
    ("spec", "kind"),
    [("transparent", TransparentPlate), ("none", UnfilteredPlate), ("gray", GreyPlate)],
)
def test_some_need_no_values(spec: str, kind: type[Plate]) -> None:
    assert isinstance(opened(spec), kind)


def test_a_colour_is_red_green_blue() -> None:
    assert (rendered("color:#ff8000") == (0, 128, 255)).all()


def test_a_blur_has_a_strength() -> None:
    expected = BlurPlate(37.5).render(FramePyramid(FRAME), NOBODY)
    assert np.array_equal(rendered("blur:37.5"), expected)


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
