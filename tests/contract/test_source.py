"""What every source promises. A new one is one line in ``SOURCES`` or ``LIVE_SOURCES``.

The rules are those of ``livebg.sources.base``. A live source never ends: the rules about the end
are held against the others only.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from livebg.backgrounds import ReadAhead
from livebg.clock import ManualClock
from livebg.errors import EndOfStreamError, LivebgError, SourceError
from livebg.frame import Frame
from livebg.sources.base import Excerpt, Source
from livebg.sources.camera import Camera
from livebg.sources.paced import PacedVideo
from livebg.sources.pictures import PictureFolder
from livebg.sources.video import VideoFile
from tests.support.clips import numbered, write_clip
from tests.support.fake_capture import PassingClock, open_webcam
from tests.support.scenes import SyntheticScene

COUNT = 6

Opener = Callable[[Path], Source]
"""Opens a source of ``COUNT`` frames; may write what it needs into the folder."""


def clip_of(folder: Path, name: str = "clip.mp4", count: int = COUNT, **how: Any) -> Path:
    return write_clip(folder / name, count=count, **how)


def open_pictures(folder: Path) -> Source:
    for n in range(COUNT):
        cv2.imwrite(str(folder / f"{n}.png"), numbered(n))
    return PictureFolder(folder, Fraction(25))


def open_paced(folder: Path) -> Source:
    path = clip_of(folder)
    return PacedVideo(lambda: VideoFile(path), ManualClock(), loop=False)


def open_ahead(folder: Path) -> Source:
    path = clip_of(folder)
    return ReadAhead(lambda: VideoFile(path), ahead=2)


TIMES_S = [Fraction(ms, 1000) for ms in (0, 10, 11, 500, 501, 2000)]

SOURCES: dict[str, Opener] = {
    "video": lambda folder: VideoFile(clip_of(folder)),
    "variable video": lambda folder: VideoFile(clip_of(folder, "clip.mkv", times_s=TIMES_S)),
    "turned video": lambda folder: VideoFile(clip_of(folder, "clip.mov", rotation=90)),
    "pictures": open_pictures,
    "synthetic": lambda folder: SyntheticScene((64, 64), frame_count=COUNT),
    "paced video": open_paced,
    "read ahead": open_ahead,
    "excerpt": lambda folder: Excerpt(VideoFile(clip_of(folder, count=COUNT + 2)), COUNT),
}

LIVE_SOURCES: dict[str, Opener] = {
    "camera": lambda folder: open_webcam(clock=PassingClock())[0],
}

ALL_SOURCES = SOURCES | LIVE_SOURCES


@pytest.fixture(params=list(ALL_SOURCES.values()), ids=list(ALL_SOURCES))
def opener(request: pytest.FixtureRequest) -> Opener:
    chosen: Opener = request.param
    return chosen


@pytest.fixture
def source(opener: Opener, tmp_path: Path) -> Source:
    return opener(tmp_path)


def frames_of(source: Source) -> list[Frame]:
    """Return all frames of a source, or the first ones of a source that never ends."""
    if isinstance(source, Camera):
        return [source.read() for _ in range(COUNT)]
    return list(source)


def test_info_is_known_once_it_is_open(source: Source) -> None:
    with source:
        info = source.info
        assert info.name
        assert min(info.size) > 0
        assert info.frame_rate is None or info.frame_rate > 0
        assert info.frame_count is None or info.frame_count == COUNT


def test_frames_are_what_the_types_promise(source: Source) -> None:
    with source:
        for frame in frames_of(source):
            assert frame.image.dtype == np.uint8
            assert frame.image.shape == (source.info.size[1], source.info.size[0], 3)
            assert frame.image.flags.c_contiguous
            assert frame.size == source.info.size


def test_indices_and_times_advance(source: Source) -> None:
    with source:
        frames = frames_of(source)
    assert len(frames) == COUNT
    assert [frame.index for frame in frames] == list(range(COUNT))
    times = [frame.captured_ns for frame in frames]
    assert all(isinstance(time, int) for time in times)
    assert times == sorted(set(times))
    assert source.info.live or times[0] == 0


def test_a_frame_is_never_written_to_again(source: Source) -> None:
    with source:
        first = source.read()
        before = first.image.copy()
        others = frames_of(source)
    np.testing.assert_array_equal(first.image, before)
    assert not any(np.shares_memory(first.image, other.image) for other in others)


@pytest.mark.parametrize("opener", list(SOURCES.values()), ids=list(SOURCES))
def test_the_end_is_said_again_and_again(opener: Opener, tmp_path: Path) -> None:
    with opener(tmp_path) as source:
        assert len(list(source)) == COUNT
        for _ in range(3):
            with pytest.raises(EndOfStreamError):
                source.read()


def test_reading_after_close_is_an_error(source: Source) -> None:
    source.read()
    source.close()
    source.close()
    with pytest.raises(SourceError) as error:
        source.read()
    assert not isinstance(error.value, EndOfStreamError)
    assert isinstance(error.value, LivebgError)


def test_two_rounds_give_the_same_frames(opener: Opener, tmp_path: Path) -> None:
    rounds = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        with opener(tmp_path / name) as source:
            rounds.append(frames_of(source))
    for one, other in zip(*rounds, strict=True):
        assert (one.index, one.captured_ns) == (other.index, other.captured_ns)
        np.testing.assert_array_equal(one.image, other.image)


def test_another_thread_may_own_it(opener: Opener, tmp_path: Path) -> None:
    counts: list[int] = []

    def work() -> None:
        with opener(tmp_path) as source:
            counts.append(len(frames_of(source)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(30.0)
    assert counts == [COUNT]
