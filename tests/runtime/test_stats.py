import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from livebg.clock import ManualClock
from livebg.runtime.stats import Statistics
from livebg.runtime.stats_schema import SCHEMA
from livebg.source.base import SourceInfo
from livebg.source.modes import CameraMode
from livebg.types import Composite

_COMPOSITE = Composite(np.zeros((4, 4, 3), np.uint8), 0, 0)


def _summary(statistics: Statistics) -> dict[str, object]:
    return statistics.summary(
        dropped=2,
        sink_drops={"window": 1},
        sink_errors={"window": None},
        chain={"frames": 10, "inferred": 5, "reasons": {"motion": 5}},
        ended="stopped",
    )


def _play(clock: ManualClock, statistics: Statistics, intervals_s: list[float]) -> None:
    for interval_s in intervals_s:
        clock.advance(interval_s)
        captured_ns = clock.now_ns()
        statistics.captured(missed=0)
        clock.advance(0.004)
        statistics.took("process", captured_ns, clock.now_ns())
        statistics.made()
        sent = replace(_COMPOSITE, captured_ns=captured_ns)
        clock.advance(0.001)
        statistics.sent("window", sent, begin_ns=clock.now_ns(), now_ns=clock.now_ns())


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(start_ns=10**12)


def test_the_summary_is_json_from_the_first_moment(clock: ManualClock) -> None:
    summary = json.loads(json.dumps(_summary(Statistics(clock)), allow_nan=False))
    assert summary["schema"] == SCHEMA
    assert summary["time_to_first_frame_s"] is None
    assert summary["latency_ms"] == {
        "count": 0,
        "mean": None,
        "p50": None,
        "p95": None,
        "p99": None,
    }


def test_rates_and_latency(clock: ManualClock) -> None:
    statistics = Statistics(clock)
    statistics.opened(SourceInfo("film", (4, 4), Fraction(20), None, live=True))
    clock.advance(1.0)
    _play(clock, statistics, [0.045] * 21)
    summary = _summary(statistics)
    assert summary["rate_fps"] == pytest.approx(20)
    # Bins are 2 % wide.
    assert summary["latency_ms"]["p95"] == pytest.approx(5, rel=0.011)  # type: ignore[index]
    assert summary["audio_offset_ms"] == summary["latency_ms"]["p50"]  # type: ignore[index]
    assert summary["stages_ms"]["process"]["p50"] == pytest.approx(4, rel=0.011)  # type: ignore[index]
    assert summary["time_to_first_frame_s"] == pytest.approx(1.05)
    assert statistics.glance(0).rate_fps == pytest.approx(20)


def test_jitter_is_the_deviation_from_the_sources_interval(clock: ManualClock) -> None:
    statistics = Statistics(clock)
    statistics.opened(SourceInfo("film", (4, 4), Fraction(20), None, live=True))
    _play(clock, statistics, [0.045, 0.055, 0.035, 0.045])
    assert _summary(statistics)["jitter_ms"]["p95"] == pytest.approx(10, rel=0.011)  # type: ignore[index]


def test_a_glance_tells_how_many_frames_share_an_inference(clock: ManualClock) -> None:
    statistics = Statistics(clock)
    chain = {"frames": 10, "inferred": 5}
    assert statistics.glance(0, lambda: chain).inferred_every is None
    clock.advance(0.25)
    chain = {"frames": 22, "inferred": 8}
    assert statistics.glance(0, lambda: chain).inferred_every == 4
    chain = {"frames": 100, "inferred": 100}
    assert statistics.glance(0, lambda: chain).inferred_every == 4


def test_cards_are_repeated_pictures_and_no_latency(clock: ManualClock) -> None:
    statistics = Statistics(clock)
    statistics.opened(SourceInfo("film", (4, 4), Fraction(20), None, live=True))
    card = replace(_COMPOSITE, private=True)
    statistics.sent("window", card, begin_ns=0, now_ns=1)
    summary = _summary(statistics)
    assert summary["frames"]["repeated"] == 1  # type: ignore[index]
    assert summary["sinks"]["window"]["cards"] == 1  # type: ignore[index]
    assert summary["latency_ms"]["count"] == 0  # type: ignore[index]


def test_a_wake_is_timed_to_the_first_new_frame_in_a_sink(clock: ManualClock) -> None:
    statistics = Statistics(clock)
    old = replace(_COMPOSITE, captured_ns=clock.now_ns())
    clock.advance(10.0)
    statistics.woken()
    statistics.sent("window", old, begin_ns=clock.now_ns(), now_ns=clock.now_ns())
    _play(clock, statistics, [0.495, 0.1])
    source = _summary(statistics)["source"]
    assert isinstance(source, dict)
    assert source["wakes"] == source["wake_ms"]["count"] == 1
    assert source["wake_ms"]["p50"] == pytest.approx(500.0, rel=0.01)


def test_the_source_is_the_one_that_was_opened_last(clock: ManualClock) -> None:
    statistics = Statistics(clock)
    asked = CameraMode("MJPG", (8, 4), (Fraction(30),))
    granted = CameraMode("YUYV", (4, 4), (Fraction(15),))
    statistics.opened(SourceInfo("film", (4, 4), Fraction(20), None, live=True))
    film = _summary(statistics)["source"]
    statistics.opened(
        SourceInfo("desk", (4, 4), Fraction(15), None, live=True, asked=asked, granted=granted)
    )
    desk = _summary(statistics)["source"]
    assert isinstance(film, dict)
    assert isinstance(desk, dict)
    assert (film["name"], film["asked"], film["got"]) == ("film", None, "4x4 at 20 frames/s")
    assert (desk["asked"], desk["got"]) == (
        "8x4 MJPG at 30 frames/s",
        "4x4 YUYV at 15 frames/s",
    )
