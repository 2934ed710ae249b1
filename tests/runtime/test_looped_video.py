from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame

from livebg.errors import DamagedFileError, EndOfStreamError, InputError
from livebg.runtime.looped_video import LoopedVideo
from livebg.source.base import Source, SourceInfo
from livebg.source.video import VideoFile
from livebg.types import Frame, Image
from tests.clips import number_of, write_clip

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


def shown(video: LoopedVideo, times_ms: Sequence[int], read: Callable[[Image], int]) -> list[int]:
    return [read(video.picture_at(time * MS)) for time in times_ms]


@pytest.fixture
def log() -> list[str]:
    return []


def test_each_picture_is_shown_from_its_time_on(log: list[str]) -> None:
    video = LoopedVideo(partial(Film, [0, 40, 80], log))
    assert shown(video, [0, 39, 40, 41, 79, 80, 119], level) == [0, 0, 1, 1, 1, 2, 2]


def test_it_starts_again_when_it_is_over(log: list[str]) -> None:
    video = LoopedVideo(partial(Film, [0, 40, 80], log))
    times = [0, 119, 120, 160, 200, 239, 240, 360, 480, 520]
    assert shown(video, times, level) == [0, 2, 0, 1, 2, 2, 0, 0, 0, 1]


def test_a_variable_frame_rate_is_kept_in_every_round(log: list[str]) -> None:
    # The last picture is shown for as long as the one before it: 500 ms.
    video = LoopedVideo(partial(Film, [0, 10, 100, 600], log))
    times = [0, 9, 10, 99, 100, 599, 600, 1099]
    one_round = [0, 0, 1, 1, 2, 2, 3, 3]
    assert shown(video, times, level) == one_round
    assert shown(video, [1100 + time for time in times], level) == one_round


def test_pictures_that_nobody_sees_are_skipped_within_a_round(log: list[str]) -> None:
    video = LoopedVideo(partial(Film, [0, 40, 80, 120], log))
    assert shown(video, [0, 121], level) == [0, 3]
    assert log.count("open") == 1


def test_after_a_long_pause_the_missed_rounds_are_not_decoded(log: list[str]) -> None:
    video = LoopedVideo(partial(Film, [0, 40, 80], log))
    shown(video, [0, 130], level)
    before = log.count("read")
    # An hour later: 30,000 rounds of 120 ms, and 41 ms.
    assert shown(video, [120 * 30_000 + 41, 120 * 30_000 + 81], level) == [1, 2]
    assert log.count("read") - before <= 2 * 3 + 1


def test_the_same_picture_is_the_same_array(log: list[str]) -> None:
    """So that a plate fits it to the frame only once."""
    video = LoopedVideo(partial(Film, [0, 40], log))
    assert video.picture_at(0) is video.picture_at(39 * MS)
    assert video.picture_at(39 * MS) is not video.picture_at(40 * MS)


def test_a_single_picture_stays_and_is_read_once(log: list[str]) -> None:
    video = LoopedVideo(partial(Film, [0], log))
    first = video.picture_at(0)
    assert video.picture_at(10 * MS) is first
    assert video.picture_at(10**9 * MS) is first
    assert log == ["open", "read"]


def test_one_round_at_a_time_is_open(log: list[str]) -> None:
    video = LoopedVideo(partial(Film, [0, 40], log))
    shown(video, range(0, 1000, 20), level)
    assert log.count("open") == log.count("close") + 1
    video.close()
    assert log.count("open") == log.count("close")


def test_a_video_that_breaks_off_at_once_is_closed_again(log: list[str]) -> None:
    for count in (0, 1):
        with pytest.raises(DamagedFileError, match="breaks off"):
            LoopedVideo(partial(Film, [0, 40], log, count))
    assert log.count("open") == log.count("close") == 2


def test_a_real_video_loops_at_its_own_rate(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "five.mp4", count=5)  # 25 a second: 40 ms each, 200 ms a round
    video = LoopedVideo(partial(VideoFile, path))
    times = [0, 39, 41, 79, 81, 121, 161, 199, 201, 241, 399, 401]
    assert shown(video, times, number_of) == [0, 0, 1, 1, 2, 3, 4, 4, 0, 1, 4, 0]
    video.close()


def test_a_real_video_with_a_variable_frame_rate(tmp_path: Path) -> None:
    times_s = [Fraction(0), Fraction(1, 10), Fraction(3, 10), Fraction(4, 10)]
    path = write_clip(tmp_path / "vfr.mkv", count=4, times_s=times_s)
    video = LoopedVideo(partial(VideoFile, path))
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
    video = LoopedVideo(partial(VideoFile, write_gif(tmp_path / "blink.gif", [0, 255])))
    assert shown(video, [0, 95, 105, 195, 205, 305], level) == [0, 0, 255, 255, 0, 255]
    video.close()


def test_a_gif_of_one_picture_stays(tmp_path: Path) -> None:
    video = LoopedVideo(partial(VideoFile, write_gif(tmp_path / "still.gif", [255])))
    assert shown(video, [0, 95, 10_000], level) == [255, 255, 255]
    assert video.picture_at(10_000 * MS) is video.picture_at(20_000 * MS)
    video.close()


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "note.mp4"
    path.write_text("not a video")
    with pytest.raises(InputError, match=r"note\.mp4"):
        LoopedVideo(partial(VideoFile, path))
