from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from livebg.clock import NS_PER_S, ManualClock
from livebg.errors import EndOfStreamError, InputError, LivebgError, SourceError
from livebg.frame import Frame
from livebg.live.capture import Capture, Captured, FrameRateMonitor, GapDetector, OnDemand, slept_ns
from livebg.live.privacy import PrivacyGuard
from livebg.live.statistics import Statistics
from livebg.platform.cameras import CameraMode
from livebg.sources.base import Source, SourceInfo
from livebg.threads import Mailbox
from tests.support.fakes import SIZE, scene

PERIOD_NS = NS_PER_S // 4


def test_frames_of_a_slow_camera_follow_each_other() -> None:
    continuity = GapDetector(lambda: 0)
    assert not any(continuity.is_after_gap(n * PERIOD_NS) for n in range(10))


@pytest.mark.parametrize("gap_s", [1.1, 3600])
def test_a_frame_after_a_pause_is_found_once(gap_s: float) -> None:
    continuity = GapDetector(lambda: 0)
    times_ns = [0, PERIOD_NS, PERIOD_NS + round(gap_s * NS_PER_S)]
    times_ns.append(times_ns[-1] + PERIOD_NS)
    assert [continuity.is_after_gap(time_ns) for time_ns in times_ns] == [False, False, True, False]


def test_a_sleep_that_no_frame_shows_is_found() -> None:
    slept = [0, 0, 7200 * NS_PER_S, 7200 * NS_PER_S]
    continuity = GapDetector(iter(slept).__next__)
    assert [continuity.is_after_gap(n * PERIOD_NS) for n in range(4)] == [False, False, True, False]


def test_what_the_system_says_only_grows_with_sleep() -> None:
    first = slept_ns()
    assert first > -NS_PER_S // 10  # the two clocks are not read at once
    assert abs(slept_ns() - first) < NS_PER_S // 10


def found(rate: FrameRateMonitor, fps: float, *, frames: int = 300, lost: int = 0) -> list[float]:
    """Return the rates that were found too low in frames at ``fps``."""
    step = 1 + lost
    seen = (rate.frame(n, round(n * NS_PER_S / fps)) for n in range(0, frames, step))
    return [slow for slow in seen if slow is not None]


def test_a_slow_camera_is_found_once() -> None:
    assert [round(slow, 1) for slow in found(FrameRateMonitor(30), 20)] == [20.0]


def test_a_camera_that_keeps_its_promise_nearly() -> None:
    assert found(FrameRateMonitor(30), 25) == []


def test_frames_that_were_lost_on_the_way_were_delivered() -> None:
    assert found(FrameRateMonitor(30), 30, lost=2) == []


def test_a_camera_that_promises_nothing() -> None:
    assert found(FrameRateMonitor(None), 2) == []


def test_a_pause_is_no_slow_camera() -> None:
    rate = FrameRateMonitor(30)
    for n in range(60):
        pause_ns = 5 * NS_PER_S if n >= 30 else 0
        assert rate.frame(n, n * NS_PER_S // 30 + pause_ns) is None


class Bench:
    def __init__(self, *answers: bool | None) -> None:
        self.answers = list(answers)
        self.clock = ManualClock()
        self.demand = OnDemand(lambda: self.answers, self.clock)

    def after(self, seconds: float) -> bool:
        self.clock.advance(seconds)
        return self.demand.is_needed()


def test_nobody_has_come_yet() -> None:
    assert not Bench(False).demand.is_needed()


def test_a_reader_is_served_at_once_and_for_a_while_after_it_left() -> None:
    bench = Bench(False)
    assert not bench.after(60.0)
    bench.answers = [True]
    assert bench.after(0.0)
    assert bench.after(60.0)
    bench.answers = [False]
    assert bench.after(1.9)
    assert not bench.after(0.1)


def test_a_reader_that_comes_back_starts_the_wait_again() -> None:
    bench = Bench(True)
    assert bench.after(0.0)
    bench.answers = [False]
    assert bench.after(1.5)
    bench.answers = [True]
    assert bench.after(0.1)
    bench.answers = [False]
    assert bench.after(1.9)


@pytest.mark.parametrize("answers", [(True, False), (None, True), (False, None, True)])
def test_one_reader_of_any_sink_is_enough(answers: tuple[bool | None, ...]) -> None:
    assert Bench(*answers).demand.is_needed()


def test_sinks_that_cannot_tell_have_no_say() -> None:
    assert not Bench(None, False).demand.is_needed()


@pytest.mark.parametrize("answers", [(), (None,), (None, None)])
def test_where_none_can_tell_the_camera_is_wanted(answers: tuple[bool | None, ...]) -> None:
    assert Bench(*answers).demand.is_needed()


class ScriptedSource(Source):
    """Delivers frames of the indices in its script, and raises the errors in it."""

    def __init__(self, *script: int | Exception) -> None:
        self._script: Iterator[int | Exception] = iter(script)
        self.closed = False

    @property
    def info(self) -> SourceInfo:
        return SourceInfo("script", SIZE, None, None, live=True)

    def read(self) -> Frame:
        step = next(self._script, EndOfStreamError("over"))
        if isinstance(step, Exception):
            raise step
        return Frame(scene(), step, step)

    def close(self) -> None:
        self.closed = True


class KeepingMailbox(Mailbox[Captured]):
    """Keeps all that was put, and what the guard held at that moment."""

    def __init__(self) -> None:
        super().__init__()
        self.all: list[Captured] = []

    def put(self, item: Captured) -> None:
        self.all.append(item)
        super().put(item)


class Bench_capture:
    def __init__(
        self,
        source: Source,
        reopen: Callable[[], Source],
        clock: ManualClock | None = None,
        is_needed: Callable[[], bool] = lambda: True,
    ) -> None:
        self.clock = clock or ManualClock()
        self.guard = PrivacyGuard(SIZE, max_age_s=0.5, clock=self.clock)
        self.statistics = Statistics(self.clock)
        self.frames = KeepingMailbox()
        self.reports: list[LivebgError] = []
        self.notices: list[str] = []
        self.stop = threading.Event()
        self.ready = threading.Event()
        self.ready.set()
        self.capture = Capture(
            source,
            reopen=reopen,
            ready=self.ready,
            frames=self.frames,
            guard=self.guard,
            statistics=self.statistics,
            clock=self.clock,
            report=self.reports.append,
            is_needed=is_needed,
            notice=self.notices.append,
        )

    def summary(self) -> dict[str, Any]:
        return self.statistics.summary(ended="")


def _no_reopening() -> Source:
    raise AssertionError("nothing failed")


def test_frames_pass_until_the_source_ends() -> None:
    source = ScriptedSource(0, 1, 2)
    bench = Bench_capture(source, _no_reopening)
    bench.capture.run(bench.stop)
    assert [item.frame.index for item in bench.frames.all] == [0, 1, 2]
    assert source.closed
    assert bench.frames.get(0.0) is not None
    assert bench.frames.finished


def test_it_is_opened_again_behind_the_card_when_asked() -> None:
    class Asking(ScriptedSource):
        def read(self) -> Frame:
            frame = super().read()
            if frame.index == 1:
                bench.capture.reopen()
            return frame

    first, second = Asking(0, 1, 2), ScriptedSource(0, 1)
    concealed: list[bool] = []

    def reopen() -> Source:
        assert first.closed
        concealed.append(bench.guard.concealed)
        return second

    bench = Bench_capture(first, reopen)
    bench.capture.run(bench.stop)
    assert [(item.frame.index, item.gaps) for item in bench.frames.all] == [
        (0, 0),
        (1, 0),
        (2, 1),
        (3, 1),
    ]
    assert concealed == [True]
    assert not bench.guard.concealed
    assert bench.reports == []


def test_a_source_that_fails_in_its_own_way_is_opened_again_too() -> None:
    tries: Iterator[Source | Exception] = iter(
        [ZeroDivisionError("no such mode"), ScriptedSource(0)]
    )

    def reopen() -> Source:
        following = next(tries)
        if isinstance(following, Exception):
            raise following
        return following

    bench = Bench_capture(ScriptedSource(0, RuntimeError("driver")), reopen)
    bench.capture.run(bench.stop)
    assert [item.gaps for item in bench.frames.all] == [0, 1]
    assert [str(report).split(";")[0] for report in bench.reports] == [
        "the camera failed: RuntimeError('driver')",
        "the camera failed: ZeroDivisionError('no such mode')",
    ]


def test_frames_after_a_break_belong_to_another_run() -> None:
    class Paused(ScriptedSource):
        def read(self) -> Frame:
            frame = super().read()
            return replace(frame, captured_ns=frame.index * NS_PER_S)

    bench = Bench_capture(Paused(0, 1, 5, 6), _no_reopening)
    bench.capture.run(bench.stop)
    assert [item.gaps for item in bench.frames.all] == [0, 0, 1, 1]


class Camera(ScriptedSource):
    """Was asked for 30 frames a second and says that it makes them; makes 15."""

    @property
    def info(self) -> SourceInfo:
        mode = CameraMode("MJPG", SIZE, (Fraction(30),))
        return SourceInfo("desk", SIZE, Fraction(30), None, live=True, asked=mode, granted=mode)

    def read(self) -> Frame:
        frame = super().read()
        return replace(frame, captured_ns=frame.index * NS_PER_S // 15)


def test_a_camera_that_is_slower_than_it_says_is_told_of_once() -> None:
    bench = Bench_capture(Camera(*range(200)), _no_reopening)
    bench.capture.run(bench.stop)
    assert bench.notices == [
        "desk delivers 15 frames/s only; many cameras slow down in the dark, so more light may help"
    ]


def test_it_stops_when_asked() -> None:
    source = ScriptedSource(0, 1, 2)
    bench = Bench_capture(source, _no_reopening)
    bench.stop.set()
    bench.capture.run(bench.stop)
    assert not bench.frames.all
    assert source.closed


def test_nothing_is_read_before_somebody_can_use_it() -> None:
    class Unread(ScriptedSource):
        def read(self) -> Frame:
            raise AssertionError("read too early")

    class Impatient(ManualClock):
        def wait(self, event: threading.Event, timeout_s: float) -> bool:
            bench.stop.set()
            return super().wait(event, timeout_s)

    source = Unread(0)
    bench = Bench_capture(source, _no_reopening, Impatient())
    bench.ready.clear()
    bench.capture.run(bench.stop)
    assert source.closed


def test_a_lost_camera_is_opened_again_and_its_frames_count_on() -> None:
    first = ScriptedSource(0, 1, SourceError("unplugged"))
    second = ScriptedSource(0, 1)
    bench = Bench_capture(first, lambda: second)
    bench.capture.run(bench.stop)
    assert first.closed
    assert [(item.frame.index, item.gaps) for item in bench.frames.all] == [
        (0, 0),
        (1, 0),
        (2, 1),
        (3, 1),
    ]
    assert [str(error) for error in bench.reports] == ["unplugged"]
    assert bench.clock.now_ns() >= 500_000_000


def test_the_lost_camera_is_released_before_it_is_opened_again() -> None:
    first = ScriptedSource(SourceError("unplugged"))

    def reopen() -> Source:
        assert first.closed
        return ScriptedSource()

    Bench_capture(first, reopen).capture.run(threading.Event())


@pytest.mark.parametrize("error", [SourceError("still gone"), InputError("the file is gone")])
def test_reconnecting_backs_off_while_the_card_is_shown(error: LivebgError) -> None:
    seen: list[tuple[int, bool]] = []

    def reopen() -> Source:
        seen.append((bench.clock.now_ns() // 10**8, bench.guard.concealed))
        if len(seen) < 4:
            raise error
        return ScriptedSource(0)

    bench = Bench_capture(ScriptedSource(SourceError("unplugged")), reopen)
    bench.capture.run(bench.stop)
    # Tenths of a second, after 0.5, 1, 2 and 4 s.
    assert seen == [(5, True), (15, True), (35, True), (75, True)]
    assert not bench.guard.concealed
    assert [str(report) for report in bench.reports] == ["unplugged", str(error)]
    assert bench.notices == ["script is back"]


def test_a_camera_that_is_lost_again_at_once_is_complained_of_once() -> None:
    sources = iter(ScriptedSource(SourceError("black")) for _ in range(3))
    bench = Bench_capture(
        next(sources), lambda: next(sources, ScriptedSource(0, SourceError("black")))
    )

    def notice(sentence: str) -> None:
        bench.stop.set()

    bench.capture._notice = notice
    bench.capture.run(bench.stop)
    assert [str(report) for report in bench.reports] == ["black"]


def test_stopping_ends_a_reconnect() -> None:
    def reopen() -> Source:
        bench.stop.set()
        raise SourceError("still gone")

    bench = Bench_capture(ScriptedSource(SourceError("unplugged")), reopen)
    bench.capture.run(bench.stop)
    assert bench.frames.finished


def test_frames_that_the_source_lost_are_counted() -> None:
    bench = Bench_capture(ScriptedSource(0, 3, 4), _no_reopening)
    bench.capture.run(bench.stop)
    frames = bench.summary()["frames"]
    assert (frames["in"], frames["missed"]) == (3, 2)


def test_it_rests_while_nobody_wants_frames() -> None:
    first, second = ScriptedSource(0, 1, 2), ScriptedSource(0, 1)
    seen: list[tuple[bool, bool, bool]] = []

    def is_needed() -> bool:
        seen.append((first.closed, bench.capture.resting, bench.guard.concealed))
        return not 2 < len(seen) < 6

    bench = Bench_capture(first, lambda: second, is_needed=is_needed)
    bench.capture.run(bench.stop)
    assert seen[2:6] == [(False, False, False), *[(True, True, True)] * 3]
    assert [(item.frame.index, item.gaps) for item in bench.frames.all] == [
        (0, 0),
        (1, 0),
        (2, 1),
        (3, 1),
    ]
    assert not bench.guard.concealed
    assert [notice.partition(":")[0] for notice in bench.notices] == [
        "no app reads the virtual camera",
        "an app reads the virtual camera",
    ]
    assert bench.summary()["source"]["wakes"] == 1
    assert bench.summary()["source"]["reconnects"] == 0


def test_nothing_is_read_before_somebody_wants_frames() -> None:
    source = ScriptedSource(SourceError("read although nobody watches"))

    def is_needed() -> bool:
        bench.stop.set()
        return False

    bench = Bench_capture(source, _no_reopening, is_needed=is_needed)
    bench.capture.run(bench.stop)
    assert source.closed
    assert bench.reports == []


def test_a_camera_that_is_in_use_after_a_rest_is_reported_once_and_waited_for() -> None:
    answers = iter([False, *[True] * 100])
    failures = [SourceError("in use"), SourceError("in use"), None]

    def reopen() -> Source:
        failure = failures.pop(0)
        if failure is not None:
            raise failure
        return ScriptedSource(0)

    bench = Bench_capture(ScriptedSource(0), reopen, is_needed=lambda: next(answers))
    bench.capture.run(bench.stop)
    assert [str(error) for error in bench.reports] == ["in use"]
    assert len(bench.frames.all) == 1
    assert not bench.guard.concealed
