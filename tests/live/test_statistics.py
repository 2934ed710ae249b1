"""The schema is held against what a session writes: every key is in it, and of its kind."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from livebg.cli.main import main
from livebg.clock import ManualClock, MonotonicClock
from livebg.frame import Composite
from livebg.live.statistics import SCHEMA, STATISTICS, Statistics
from livebg.platform.cameras import CameraMode
from livebg.sources.base import SourceInfo

_TIMES = ("count", "mean", "p50", "p95", "p99")


def is_count(value: object) -> bool:
    return type(value) is int and value >= 0


def is_number(value: object) -> bool:
    return type(value) in (int, float)


def is_size(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(is_count, value))


def is_times(value: object) -> bool:
    if not isinstance(value, dict) or tuple(value) != _TIMES or not is_count(value["count"]):
        return False
    rest = [value[name] for name in _TIMES[1:]]
    return all(map(is_number, rest)) if value["count"] else rest == [None] * 4


KINDS: dict[str, Callable[[object], bool]] = {
    "count": is_count,
    "number": is_number,
    "text": lambda value: isinstance(value, str),
    "size": is_size,
    "times": is_times,
}


def leaves(value: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, object]]:
    """Give all values of a summary with their paths; distributions are values."""
    if isinstance(value, dict) and not (path and tuple(value) == _TIMES):
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    else:
        yield ".".join(path), value


def check(summary: dict[str, Any]) -> set[str]:
    """Hold a summary to the schema; return the paths of the schema that it has."""
    patterns = {
        statistic.path: re.compile(re.sub("<[a-z]+>", "[^.]+", re.escape(statistic.path)))
        for statistic in STATISTICS
    }
    kinds = {statistic.path: statistic.kind.partition(" or ") for statistic in STATISTICS}
    there = set()
    for path, value in leaves(summary):
        known = [name for name, pattern in patterns.items() if pattern.fullmatch(path)]
        assert len(known) == 1, path
        kind, _, nullable = kinds[known[0]]
        assert KINDS[kind](value) or (nullable and value is None), (path, value)
        there.add(known[0])
    return there


def test_what_livebg_writes_is_what_the_schema_says(
    talking_head_clip: Path, rvm_weights: Path, tmp_path: Path
) -> None:
    file = tmp_path / "stats.json"
    outputs = ["--null", "--record", str(tmp_path / "out.mkv"), "--auto-frame", "50"]
    assert main(["run", "--camera", str(talking_head_clip), *outputs, "--stats", str(file)]) == 0
    summary = json.loads(file.read_text())
    assert check(summary) == {statistic.path for statistic in STATISTICS}
    assert {"framing", "carry", "segment", "process"} <= set(summary["stages_ms"])


def test_so_is_what_it_writes_before_anything_happened() -> None:
    statistics = Statistics(MonotonicClock())
    nothing = statistics.summary(ended="early")
    with_names = {statistic.path for statistic in STATISTICS if "<" in statistic.path}
    assert nothing["schema"] == SCHEMA
    assert (
        check(json.loads(json.dumps(nothing, allow_nan=False)))
        == {statistic.path for statistic in STATISTICS} - with_names
    )


_COMPOSITE = Composite(np.zeros((4, 4, 3), np.uint8), 0, 0)


_FILM = SourceInfo("film", (4, 4), Fraction(20), None, live=True)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(start_ns=10**12)


@pytest.fixture
def statistics(clock: ManualClock) -> Statistics:
    statistics = Statistics(clock)
    statistics.set_source(_FILM)
    return statistics


def _summary(statistics: Statistics) -> dict[str, Any]:
    return statistics.summary(
        ended="stopped", sink_drops={"window": 1}, sink_errors={"window": None}
    )


def _play(clock: ManualClock, statistics: Statistics, intervals_s: list[float]) -> None:
    for interval_s in intervals_s:
        clock.advance(interval_s)
        captured_ns = clock.now_ns()
        statistics.count("in")
        clock.advance(0.004)
        statistics.record_stage("process", captured_ns, clock.now_ns())
        statistics.count_filtered()
        sent = replace(_COMPOSITE, captured_ns=captured_ns)
        clock.advance(0.001)
        statistics.count_sent("window", sent, begin_ns=clock.now_ns(), now_ns=clock.now_ns())


def test_rates_and_latency(clock: ManualClock, statistics: Statistics) -> None:
    clock.advance(1.0)
    _play(clock, statistics, [0.045] * 21)
    summary = _summary(statistics)
    assert summary["rate_fps"] == pytest.approx(20)
    # Bins are 2 % wide.
    assert summary["latency_ms"]["p95"] == pytest.approx(5, rel=0.011)
    assert summary["audio_offset_ms"] == summary["latency_ms"]["p50"]
    assert summary["stages_ms"]["process"]["p50"] == pytest.approx(4, rel=0.011)
    assert summary["time_to_first_frame_s"] == pytest.approx(1.05)
    assert statistics.snapshot(0).rate_fps == pytest.approx(20)


def test_jitter_is_the_deviation_from_the_sources_interval(
    clock: ManualClock, statistics: Statistics
) -> None:
    _play(clock, statistics, [0.045, 0.055, 0.035, 0.045])
    assert _summary(statistics)["jitter_ms"]["p95"] == pytest.approx(10, rel=0.011)


def test_a_snapshot_tells_how_many_frames_share_an_inference(
    clock: ManualClock, statistics: Statistics
) -> None:
    counts = {"frames": 10, "inferred": 5}
    assert statistics.snapshot(0, lambda: counts).inferred_every is None
    clock.advance(0.25)
    counts = {"frames": 22, "inferred": 8}
    assert statistics.snapshot(0, lambda: counts).inferred_every == 4
    counts = {"frames": 100, "inferred": 100}
    assert statistics.snapshot(0, lambda: counts).inferred_every == 4


def test_cards_are_repeated_pictures_and_no_latency(statistics: Statistics) -> None:
    card = replace(_COMPOSITE, private=True)
    statistics.count_sent("window", card, begin_ns=0, now_ns=1)
    summary = _summary(statistics)
    assert summary["frames"]["repeated"] == summary["sinks"]["window"]["cards"] == 1
    assert summary["latency_ms"]["count"] == 0


def test_a_wake_is_timed_to_the_first_new_frame_in_a_sink(
    clock: ManualClock, statistics: Statistics
) -> None:
    old = replace(_COMPOSITE, captured_ns=clock.now_ns())
    clock.advance(10.0)
    statistics.count_wake()
    statistics.count_sent("window", old, begin_ns=clock.now_ns(), now_ns=clock.now_ns())
    _play(clock, statistics, [0.495, 0.1])
    source = _summary(statistics)["source"]
    assert source["wakes"] == source["wake_ms"]["count"] == 1
    assert source["wake_ms"]["p50"] == pytest.approx(500.0, rel=0.01)


def test_the_source_is_the_one_that_was_opened_last(statistics: Statistics) -> None:
    film = _summary(statistics)["source"]
    assert (film["name"], film["asked"], film["got"]) == ("film", None, "4x4 at 20 frames/s")
    asked = CameraMode("MJPG", (8, 4), (Fraction(30),))
    granted = CameraMode("YUYV", (4, 4), (Fraction(15),))
    statistics.set_source(replace(_FILM, frame_rate=Fraction(15), asked=asked, granted=granted))
    desk = _summary(statistics)["source"]
    assert (desk["asked"], desk["got"]) == ("8x4 MJPG at 30 frames/s", "4x4 YUYV at 15 frames/s")
