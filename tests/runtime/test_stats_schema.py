"""The schema is held against what a session writes: every key is in it, and of its kind."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from livebg.cli.main import main
from livebg.clock import MonotonicClock
from livebg.runtime.stats import Statistics
from livebg.runtime.stats_schema import STATISTICS, Kind

_TIMES = ("count", "mean", "p50", "p95", "p99")


def is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_size(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(is_count, value))


def is_times(value: object) -> bool:
    if not isinstance(value, dict) or tuple(value) != _TIMES or not is_count(value["count"]):
        return False
    rest = [value[name] for name in _TIMES[1:]]
    return all(map(is_number, rest)) if value["count"] else rest == [None] * 4


KINDS: dict[Kind, Callable[[object], bool]] = {
    "count": is_count,
    "number": is_number,
    "number or null": lambda value: value is None or is_number(value),
    "text": lambda value: isinstance(value, str),
    "text or null": lambda value: value is None or isinstance(value, str),
    "size or null": lambda value: value is None or is_size(value),
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
    kinds = {statistic.path: statistic.kind for statistic in STATISTICS}
    there = set()
    for path, value in leaves(summary):
        known = [name for name, pattern in patterns.items() if pattern.fullmatch(path)]
        assert len(known) == 1, path
        assert KINDS[kinds[known[0]]](value), (path, value)
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
    nothing = statistics.summary(dropped=0, sink_drops={}, sink_errors={}, chain={}, ended="early")
    with_names = {statistic.path for statistic in STATISTICS if "<" in statistic.path}
    assert check(nothing) == {statistic.path for statistic in STATISTICS} - with_names


@pytest.mark.parametrize(
    "spoilt", [{"frames": {"inn": 1}}, {"frames": {"in": -1}}, {"ended": None}, {"latency_ms": 3}]
)
def test_the_check_can_fail(spoilt: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        check(spoilt)
