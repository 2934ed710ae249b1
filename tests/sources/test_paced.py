import threading
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest

from livebg.clock import NS_PER_S, ManualClock
from livebg.errors import EndOfStreamError, InputError, SourceError
from livebg.frame import Frame
from livebg.sources.base import Source, SourceInfo
from livebg.sources.paced import PacedVideo

RATE = Fraction(10)
PERIOD_S = 0.1


class Listed(Source):
    """Frames at given times; remembers how often it was read."""

    def __init__(self, times_s: Sequence[float]) -> None:
        self._times_s = times_s
        self.reads = 0
        self.closed = False

    @property
    def info(self) -> SourceInfo:
        return SourceInfo("listed", (2, 2), RATE, len(self._times_s), live=False)

    def read(self) -> Frame:
        if self.reads >= len(self._times_s):
            raise EndOfStreamError("listed is over")
        index, self.reads = self.reads, self.reads + 1
        image = np.zeros((2, 2, 3), np.uint8)
        return Frame(image, index, round(self._times_s[index] * NS_PER_S))

    def close(self) -> None:
        self.closed = True


class Player:
    """A paced video on a clock driven by hand, with every source that it opened."""

    def __init__(self, times_s: Sequence[float], loop: bool = True) -> None:
        self.clock = ManualClock(start_ns=5 * NS_PER_S)
        self.opened: list[Listed] = []

        def open_source() -> Listed:
            self.opened.append(Listed(times_s))
            return self.opened[-1]

        self.video = PacedVideo(open_source, self.clock, loop=loop)

    def now_s(self) -> float:
        return self.clock.now_ns() / NS_PER_S - 5

    def read(self) -> tuple[int, float, float]:
        """Return the next frame's index, its time, and when it came (s, from the start)."""
        frame = self.video.read()
        return frame.index, round(frame.captured_ns / NS_PER_S - 5, 6), round(self.now_s(), 6)


def steady(count: int) -> list[float]:
    return [index * PERIOD_S for index in range(count)]


@pytest.mark.parametrize(
    ("times_s", "waits_s", "frames"),
    [
        # A prompt reader gets every frame when it is due.
        (steady(4), [0, 0, 0, 0], [(0, 0.0, 0.0), (1, 0.1, 0.1), (2, 0.2, 0.2), (3, 0.3, 0.3)]),
        ([0.0, 0.02, 0.5], [0, 0, 0], [(0, 0.0, 0.0), (1, 0.02, 0.02), (2, 0.5, 0.5)]),
        # Time starts at the first read.
        (steady(2), [3], [(0, 3.0, 3.0)]),
        # A late reader gets the newest frame; the index counts the lost ones.
        (steady(10), [0, 0.35, 0], [(0, 0.0, 0.0), (3, 0.3, 0.35), (4, 0.4, 0.4)]),
        # A frame that is shown for long is not skipped for one that is not due.
        ([0.0, 0.1, 0.9], [0, 0.4, 0], [(0, 0.0, 0.0), (1, 0.1, 0.4), (2, 0.9, 0.9)]),
        # After a long absence it goes on where it was.
        (steady(100), [0, 60, 0], [(0, 0.0, 0.0), (1, 60.0, 60.0), (2, 60.1, 60.1)]),
        # It starts again without a gap, and skips frames across the seam too.
        (steady(2), [0, 0, 0, 0], [(0, 0.0, 0.0), (1, 0.1, 0.1), (2, 0.2, 0.2), (3, 0.3, 0.3)]),
        (steady(3), [0, 0.45], [(0, 0.0, 0.0), (4, 0.4, 0.45)]),
    ],
)
def test_frames_come_when_they_are_due(
    times_s: list[float], waits_s: list[float], frames: list[tuple[int, float, float]]
) -> None:
    player = Player(times_s)
    seen = []
    for wait_s in waits_s:
        player.clock.advance(wait_s)
        seen.append(player.read())
    assert seen == frames


@pytest.mark.parametrize("late_s", [0.14, 60])
def test_the_next_frame_is_not_decoded_before_it_is_needed(late_s: float) -> None:
    player = Player(steady(10))
    player.read()
    player.clock.advance(late_s)
    player.read()
    assert player.opened[0].reads == 2


def test_every_round_opens_the_file_again_and_closes_it() -> None:
    player = Player(steady(2))
    for _ in range(5):
        player.read()
    assert [source.closed for source in player.opened] == [True, True, False]
    player.video.close()
    assert player.opened[2].closed


def test_a_late_reader_still_gets_the_last_frame() -> None:
    player = Player(steady(3), loop=False)
    player.read()
    player.clock.advance(0.9)
    assert player.read()[0] == 2


@pytest.mark.parametrize("rounds", [[[]], [[0.0], []]])
def test_a_video_without_frames_does_not_loop_for_ever(rounds: list[list[float]]) -> None:
    opened = iter(rounds)
    with (
        PacedVideo(lambda: Listed(next(opened)), ManualClock()) as video,
        pytest.raises(SourceError, match="has no frames"),
    ):
        list(video)


def test_a_video_that_is_gone_when_it_starts_again_is_a_source_that_failed() -> None:
    rounds = iter([Listed([0.0])])

    def open_source() -> Listed:
        for source in rounds:
            return source
        raise InputError("film.mp4: there is no such file")

    video = PacedVideo(open_source, ManualClock())
    video.read()
    with pytest.raises(SourceError, match=r"film\.mp4: there is no such file"):
        video.read()


@pytest.mark.parametrize(("loop", "frame_count"), [(True, None), (False, 3)])
def test_it_says_that_it_is_live(loop: bool, frame_count: int | None) -> None:
    info = Player(steady(3), loop=loop).video.info
    assert info == SourceInfo("listed", (2, 2), RATE, frame_count, live=True)


def test_closing_wakes_a_reader_that_waits() -> None:
    class ClosedWhileWaiting(ManualClock):
        def wait(self, event: threading.Event, timeout_s: float) -> bool:
            video.close()
            return super().wait(event, timeout_s)

    video = PacedVideo(lambda: Listed([0.0, 0.1]), ClosedWhileWaiting())
    video.read()
    with pytest.raises(SourceError, match="closed while it waited"):
        video.read()
