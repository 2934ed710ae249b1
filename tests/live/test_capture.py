from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction

import pytest

from livebg.clock import NS_PER_S, ManualClock
from livebg.errors import EndOfStreamError, InputError, SourceError
from livebg.frame import Frame
from livebg.live.capture import Capture, Captured, FrameRateMonitor, GapDetector, OnDemand
from livebg.platform.cameras import CameraMode
from livebg.sources.base import Source, SourceInfo
from livebg.threads import Mailbox
from tests.support.fakes import SIZE, scene
from tests.support.live_bench import LiveBench

MODE = CameraMode("MJPG", SIZE, (Fraction(30),))
SCRIPT = SourceInfo("script", SIZE, None, None, live=True)


@pytest.mark.parametrize(
    ("captured_s", "slept_s", "after_gap"),
    [
        ([0, 0.25, 0.5, 0.75], 0, [False] * 4),
        ([0, 0.25, 1.35, 1.6], 0, [False, False, True, False]),
        ([0, 0.25, 0.5, 0.75], 7200, [False, False, True, False]),
    ],
    ids=["slow camera", "silence", "sleep that no frame shows"],
)
def test_frames_after_a_gap_are_found_once(
    captured_s: list[float], slept_s: int, after_gap: list[bool]
) -> None:
    slept = iter([0, 0, slept_s * NS_PER_S, slept_s * NS_PER_S])
    gaps = GapDetector(slept.__next__)
    assert [gaps.is_after_gap(round(time_s * NS_PER_S)) for time_s in captured_s] == after_gap


@pytest.mark.parametrize(
    ("promised", "delivered", "step", "pause_s", "found"),
    [
        (30, 20, 1, 0, [20]),
        (30, 25, 1, 0, []),
        (30, 30, 3, 0, []),
        (30, 30, 1, 5, []),
        (None, 2, 1, 0, []),
    ],
    ids=["slow", "nearly", "lost on the way", "pause", "nothing promised"],
)
def test_a_camera_that_is_slower_than_it_promised_is_found_once(
    promised: float | None, delivered: int, step: int, pause_s: int, found: list[int]
) -> None:
    rate = FrameRateMonitor(promised)
    seen = [
        rate.frame(n, n * NS_PER_S // delivered + (pause_s * NS_PER_S if n >= 30 else 0))
        for n in range(0, 300, step)
    ]
    assert [round(slow) for slow in seen if slow is not None] == found


@pytest.mark.parametrize(
    ("readers", "needed"),
    [
        ([], True),
        ([None, None], True),
        ([False], False),
        ([None, False], False),
        ([True, False], True),
        ([False, None, True], True),
    ],
)
def test_the_camera_is_needed_where_an_app_reads_or_no_sink_can_tell(
    readers: list[bool | None], needed: bool
) -> None:
    assert OnDemand(lambda: readers, ManualClock()).is_needed() == needed


def test_the_camera_outlasts_its_last_reader_for_a_while() -> None:
    clock = ManualClock()
    reads = True
    demand = OnDemand(lambda: [reads], clock)

    def needed_after(seconds: float) -> bool:
        clock.advance(seconds)
        return demand.is_needed()

    assert needed_after(0.0)
    reads = False
    assert needed_after(1.5)
    reads = True
    assert needed_after(0.1)
    reads = False
    assert needed_after(1.9)
    assert not needed_after(0.1)


class ScriptedSource(Source):
    """Delivers frames of the indices in its script, raises its errors and calls its functions."""

    info = SCRIPT

    def __init__(self, *script: int | Exception | Callable[[], None], period_ns: int = 1) -> None:
        self._script = iter(script)
        self._period_ns = period_ns
        self.closed = False

    def read(self) -> Frame:
        for step in self._script:
            if isinstance(step, Exception):
                raise step
            if isinstance(step, int):
                return Frame(scene(), step, step * self._period_ns)
            step()
        raise EndOfStreamError("over")

    def close(self) -> None:
        self.closed = True


class KeepingMailbox(Mailbox[Captured]):
    """Keeps all that was put."""

    def __init__(self) -> None:
        super().__init__()
        self.all: list[Captured] = []

    def put(self, item: Captured) -> None:
        self.all.append(item)
        super().put(item)


class CaptureBench(LiveBench):
    """A capture that opens ``later`` in turn, each a source or why there is none."""

    def __init__(
        self,
        source: ScriptedSource,
        *later: ScriptedSource | Exception,
        is_needed: Callable[[], bool] = lambda: True,
    ) -> None:
        super().__init__()
        self.frames = KeepingMailbox()
        self.stop = threading.Event()
        self.ready = threading.Event()
        self.ready.set()
        self.sources = [source]
        self.reopened: list[tuple[float, bool]] = []
        """Seconds after the start, and whether the sinks showed the card."""
        self._later: Iterator[ScriptedSource | Exception] = iter(later)
        self.capture = Capture(
            source,
            reopen=self._reopen,
            ready=self.ready,
            frames=self.frames,
            guard=self.guard,
            statistics=self.statistics,
            clock=self.clock,
            report=self.reports.append,
            is_needed=is_needed,
            notice=self.notices.append,
        )

    def _reopen(self) -> Source:
        self.reopened.append((self.clock.now_ns() / NS_PER_S - 1, self.guard.concealed))
        following = next(self._later)
        if isinstance(following, Exception):
            raise following
        assert self.sources[-1].closed
        self.sources.append(following)
        return following

    def run(self) -> list[tuple[int, int]]:
        """Run to the end; return index and gaps of each frame."""
        self.capture.run(self.stop)
        assert next(self._later, None) is None
        assert all(source.closed for source in self.sources)
        return [(item.frame.index, item.gaps) for item in self.frames.all]


def test_frames_pass_and_lost_ones_are_counted_until_the_source_ends() -> None:
    bench = CaptureBench(ScriptedSource(0, 3, 4))
    assert bench.run() == [(0, 0), (3, 0), (4, 0)]
    frames = bench.summary()["frames"]
    assert (frames["in"], frames["missed"]) == (3, 2)
    assert bench.frames.get(0.0) is not None
    assert bench.frames.finished


@pytest.mark.parametrize("case", ["stopped", "no pipeline", "no app"])
def test_nothing_is_read_that_has_no_use(case: str) -> None:
    asked: list[bool] = []

    def is_needed() -> bool:
        asked.append(True)
        if len(asked) == 3:
            bench.stop.set()
        return case != "no app"

    bench = CaptureBench(ScriptedSource(SourceError("read too early")), is_needed=is_needed)
    if case == "stopped":
        bench.stop.set()
    if case == "no pipeline":
        bench.ready.clear()
    assert bench.run() == []
    assert bench.reports == []


@pytest.mark.parametrize("reason", ["unplugged", "asked"])
def test_it_is_opened_again_behind_the_card_and_frames_count_on(reason: str) -> None:
    scripts = {
        "unplugged": ScriptedSource(0, 1, SourceError("unplugged")),
        "asked": ScriptedSource(0, lambda: bench.capture.reopen(), 1, 2),
    }
    bench = CaptureBench(scripts[reason], ScriptedSource(0, 1))
    assert bench.run() == [(0, 0), (1, 0), (2, 1), (3, 1)]
    assert [concealed for _, concealed in bench.reopened] == [True]
    assert not bench.guard.concealed
    assert bench.reported == ["unplugged"] * (reason == "unplugged")


def test_a_source_that_fails_in_its_own_way_is_opened_again_too() -> None:
    failing = ScriptedSource(0, RuntimeError("driver"))
    bench = CaptureBench(failing, ZeroDivisionError("no such mode"), ScriptedSource(0))
    assert bench.run() == [(0, 0), (1, 1)]
    assert [said.split(";")[0] for said in bench.reported] == [
        "the camera failed: RuntimeError('driver')",
        "the camera failed: ZeroDivisionError('no such mode')",
    ]


def test_frames_after_a_gap_are_marked() -> None:
    bench = CaptureBench(ScriptedSource(0, 1, 5, 6, period_ns=NS_PER_S))
    assert bench.run() == [(0, 0), (1, 0), (5, 1), (6, 1)]


def test_a_camera_that_is_slower_than_it_says_is_told_of_once() -> None:
    camera = ScriptedSource(*range(200), period_ns=NS_PER_S // 15)
    camera.info = replace(SCRIPT, name="desk", frame_rate=Fraction(30), asked=MODE, granted=MODE)
    bench = CaptureBench(camera)
    bench.run()
    assert bench.notices == [
        "desk delivers 15 frames/s only; many cameras slow down in the dark, so more light may help"
    ]


@pytest.mark.parametrize("error", [SourceError("still gone"), InputError("the file is gone")])
def test_reconnecting_backs_off_while_the_card_is_shown(error: Exception) -> None:
    bench = CaptureBench(
        ScriptedSource(SourceError("unplugged")), error, error, error, ScriptedSource(0)
    )
    bench.run()
    waited_s, concealed = zip(*bench.reopened, strict=True)
    assert waited_s == pytest.approx([0.5, 1.5, 3.5, 7.5], abs=0.1)  # a poll is 0.05 s
    assert all(concealed)
    assert not bench.guard.concealed
    assert bench.reported == ["unplugged", str(error)]
    assert bench.notices == ["script is back"]


def test_a_camera_that_is_lost_again_at_once_is_reported_once() -> None:
    black = [ScriptedSource(SourceError("black")) for _ in range(3)]
    bench = CaptureBench(*black, ScriptedSource(0))
    bench.run()
    assert bench.reported == ["black"]


def test_stopping_ends_a_reconnect() -> None:
    bench = CaptureBench(ScriptedSource(lambda: bench.stop.set(), SourceError("unplugged")))
    bench.run()
    assert bench.frames.finished


def test_it_rests_while_no_app_reads() -> None:
    seen: list[tuple[bool, bool, bool]] = []
    first = ScriptedSource(0, 1, 2)

    def is_needed() -> bool:
        seen.append((first.closed, bench.capture.resting, bench.guard.concealed))
        return not 2 < len(seen) < 6

    bench = CaptureBench(first, ScriptedSource(0, 1), is_needed=is_needed)
    assert bench.run() == [(0, 0), (1, 0), (2, 1), (3, 1)]
    assert seen[2:6] == [(False, False, False), *[(True, True, True)] * 3]
    assert not bench.guard.concealed
    assert [notice.partition(":")[0] for notice in bench.notices] == [
        "no app reads the virtual camera",
        "an app reads the virtual camera",
    ]
    source = bench.summary()["source"]
    assert (source["wakes"], source["reconnects"]) == (1, 0)


def test_a_camera_that_is_in_use_after_a_rest_is_reported_once_and_waited_for() -> None:
    answers = iter([False, *[True] * 100])
    in_use = SourceError("in use")
    bench = CaptureBench(
        ScriptedSource(0), in_use, in_use, ScriptedSource(0), is_needed=answers.__next__
    )
    assert len(bench.run()) == 1
    assert bench.reported == ["in use"]
    assert not bench.guard.concealed
