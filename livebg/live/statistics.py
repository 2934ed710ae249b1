"""Statistics of a live session, in bounded memory, and the schema of their JSON."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from livebg import __version__
from livebg.clock import NS_PER_S, Clock
from livebg.frame import Composite
from livebg.matting.stage_times import Histogram
from livebg.platform.cameras import CameraMode
from livebg.platform.process import peak_memory_mib
from livebg.sources.base import SourceInfo

__all__ = ["SCHEMA", "STATISTICS", "Kind", "Statistic", "Statistics", "StatisticsSnapshot"]

SCHEMA = 1
"""Grows when a key changes its meaning; new keys may come without that."""

Kind = Literal["count", "number", "number or null", "text", "text or null", "size or null", "times"]
"""What a value is. A size is ``[width, height]``. ``times`` is an object with ``count``, ``mean``,
``p50``, ``p95`` and ``p99``, in milliseconds, within 1 %; all but ``count`` are null when it is 0.
"""


@dataclass(frozen=True, slots=True)
class Statistic:
    """One value; ``path`` joins its keys by dots, one in angle brackets stands for any name."""

    path: str
    kind: Kind
    meaning: str


STATISTICS = (
    Statistic("schema", "count", f"version of this table: {SCHEMA}"),
    Statistic("livebg", "text", "version of livebg"),
    Statistic("duration_s", "number", "seconds from the start to the end"),
    Statistic(
        "time_to_first_frame_s",
        "number or null",
        "seconds from the start to the first filtered picture in an output",
    ),
    Statistic("frames.in", "count", "frames that the camera delivered"),
    Statistic("frames.missed", "count", "frames that were lost before livebg got them"),
    Statistic("frames.out", "count", "frames that were filtered"),
    Statistic("frames.dropped", "count", "frames that a newer one replaced before that"),
    Statistic("frames.failed", "count", "frames that could not be filtered"),
    Statistic("frames.repeated", "count", "pictures without a new frame: cards, in all outputs"),
    Statistic("rate_fps", "number", "filtered frames per second, from the first to the last"),
    Statistic("latency_ms", "times", "from a frame's capture to its end in an output"),
    Statistic(
        "audio_offset_ms",
        "number or null",
        "what to delay a microphone by: the median of `latency_ms`",
    ),
    Statistic(
        "jitter_ms",
        "times",
        "how far the interval of two pictures in an output is from the camera's own",
    ),
    Statistic(
        "stages_ms.<stage>",
        "times",
        "`capture` (waiting included), `wait` (from capture to filter), `process` (the filter); "
        "its parts `carry`, `segment`, `refine`, `compose`, `framing`, call by call, since the "
        "network at work took over",
    ),
    Statistic("cpu.ms_per_frame", "number", "processor time of the program per filtered frame"),
    Statistic("cpu.share_of_core", "number", "the same per time that passed; 1 is one core"),
    Statistic("memory.peak_mib", "number or null", "the most memory that was resident"),
    Statistic("inference.model", "text or null", "the network at work"),
    Statistic("inference.engine", "text or null", "what runs it"),
    Statistic("inference.input_size", "size or null", "pixels that it sees"),
    Statistic("inference.latency", "text or null", "`low` or `aligned`, as set"),
    Statistic("inference.count", "count", "frames that the network was to see"),
    Statistic("inference.share", "number", "their share of the filtered frames"),
    Statistic(
        "inference.reasons.<reason>",
        "count",
        "frames by the scheduler's reason: the network sees `first`, `settling`, `every`, "
        "`motion`, `age`, `cut`; it does not see `carried`, `budget`, `busy`",
    ),
    Statistic("inference.refused", "count", "mattes that were rejected"),
    Statistic("sinks.<output>.sent", "count", "pictures that an output took"),
    Statistic("sinks.<output>.cards", "count", "cards among them"),
    Statistic("sinks.<output>.dropped", "count", "pictures that it was too slow for"),
    Statistic("sinks.<output>.error", "text or null", "what ended it for good"),
    Statistic("sinks.<output>.send_ms", "times", "how long it took to take one"),
    Statistic("source.name", "text or null", "the camera"),
    Statistic("source.asked", "text or null", "what it was asked for"),
    Statistic("source.got", "text or null", "what it gave"),
    Statistic("source.reconnects", "count", "times that it was found again"),
    Statistic("source.wakes", "count", "times that it was opened because an app began to read"),
    Statistic("source.wake_ms", "times", "from then to the first filtered picture in an output"),
    Statistic("ended", "text", "why the session ended"),
)
"""Everything that ``Statistics.summary`` returns, in its order."""

_SNAPSHOT_EVERY_NS = NS_PER_S // 4

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class StatisticsSnapshot:
    """Numbers of the status line, over the last two seconds or so.

    ``inferred_every`` is how many frames share one inference; None while there was none.
    """

    rate_fps: float
    latency_p50_ms: float
    latency_p95_ms: float
    cpu_share: float
    dropped: int
    inferred_every: float | None = None


@dataclass(slots=True)
class _SinkCount:
    sent: int = 0
    cards: int = 0
    last_ns: int | None = None
    send: Histogram = field(default_factory=Histogram)


class Statistics:
    """Counts and times; safe to use from every thread.

    Args:
        started_ns: moment at which the user started it; now by default.
    """

    def __init__(self, clock: Clock, *, started_ns: int | None = None) -> None:
        self._clock = clock
        self._source: SourceInfo | None = None
        self._period_s: float | None = None
        self._started_ns = clock.now_ns() if started_ns is None else started_ns
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._stages: dict[str, Histogram] = {}
        self._sinks: dict[str, _SinkCount] = {}
        self._latency = Histogram()
        self._jitter = Histogram()
        self._first_sent_ns: int | None = None
        self._woken_ns: int | None = None
        self._wake = Histogram()
        self._first_filtered: tuple[int, float] | None = None
        self._last_filtered: tuple[int, float] = (self._started_ns, 0.0)
        self._recent: deque[tuple[int, float]] = deque(maxlen=61)
        self._recent_latency_ms: deque[float] = deque(maxlen=60)
        self._recent_inference: deque[tuple[int, int]] = deque(maxlen=9)
        self._last_snapshot: tuple[int, StatisticsSnapshot] | None = None

    def set_source(self, source: SourceInfo) -> None:
        """Set the source of the frames from now on."""
        with self._lock:
            self._source = source
            self._period_s = float(1 / source.frame_rate) if source.frame_rate else None

    def count(self, event: Literal["in", "missed", "failed", "reconnects"], times: int = 1) -> None:
        """Count frames of the source, lost frames, failures of the pipeline, or reconnections."""
        with self._lock:
            self._counts[event] += times

    def count_wake(self) -> None:
        """Count that the source is opened because an app began to read."""
        with self._lock:
            self._counts["wakes"] += 1
            self._woken_ns = self._clock.now_ns()

    def record_stage(self, stage: str, begin_ns: int, end_ns: int) -> None:
        """Record that a stage lasted from ``begin_ns`` to ``end_ns``."""
        with self._lock:
            self._stages.setdefault(stage, Histogram()).add((end_ns - begin_ns) / NS_PER_S)

    def count_filtered(self) -> None:
        """Count a filtered frame."""
        mark = (self._clock.now_ns(), time.process_time())
        with self._lock:
            self._counts["out"] += 1
            self._first_filtered = self._first_filtered or mark
            self._last_filtered = mark
            self._recent.append(mark)

    def count_sent(self, sink: str, composite: Composite, *, begin_ns: int, now_ns: int) -> None:
        """Count a composite that a sink took between ``begin_ns`` and ``now_ns``."""
        with self._lock:
            count = self._sinks.setdefault(sink, _SinkCount())
            count.sent += 1
            count.send.add((now_ns - begin_ns) / NS_PER_S)
            if composite.private:
                count.cards += 1
                count.last_ns = None
                return
            latency_ns = now_ns - composite.captured_ns
            self._latency.add(latency_ns / NS_PER_S)
            self._recent_latency_ms.append(latency_ns / 1e6)
            if self._first_sent_ns is None:
                self._first_sent_ns = now_ns
            if self._woken_ns is not None and composite.captured_ns >= self._woken_ns:
                self._wake.add((now_ns - self._woken_ns) / NS_PER_S)
                self._woken_ns = None
            if count.last_ns is not None and self._period_s is not None:
                interval_s = (now_ns - count.last_ns) / NS_PER_S
                self._jitter.add(abs(interval_s - self._period_s))
            count.last_ns = now_ns

    def snapshot(
        self, dropped: int, pipeline: Callable[[], Mapping[str, Any]] = lambda: {}
    ) -> StatisticsSnapshot:
        """Return the numbers of the status line, renewed four times a second.

        Args:
            dropped: frames that were replaced before they were filtered.
            pipeline: returns ``Pipeline.statistics``.
        """
        now_ns = self._clock.now_ns()
        if self._last_snapshot is None or now_ns - self._last_snapshot[0] >= _SNAPSHOT_EVERY_NS:
            counts = pipeline()
            self._recent_inference.append((counts.get("frames", 0), counts.get("inferred", 0)))
            self._last_snapshot = (now_ns, self._take_snapshot(dropped))
        return self._last_snapshot[1]

    def _take_snapshot(self, dropped: int) -> StatisticsSnapshot:
        first, before = self._recent_inference[0]
        last, inferred = self._recent_inference[-1]
        with self._lock:
            rate, share = 0.0, 0.0
            if self._recent:
                rate, share = _pace(self._recent[0], self._recent[-1], len(self._recent) - 1)
            latencies_ms = sorted(self._recent_latency_ms) or [0.0]
            return StatisticsSnapshot(
                rate_fps=rate,
                latency_p50_ms=latencies_ms[len(latencies_ms) // 2],
                latency_p95_ms=latencies_ms[len(latencies_ms) * 95 // 100],
                cpu_share=share,
                dropped=dropped,
                inferred_every=(
                    (last - first) / (inferred - before) if inferred > before else None
                ),
            )

    def summary(
        self,
        *,
        ended: str,
        dropped: int = 0,
        sink_drops: Mapping[str, int] = _NOTHING,
        sink_errors: Mapping[str, str | None] = _NOTHING,
        pipeline: Mapping[str, Any] = _NOTHING,
    ) -> dict[str, Any]:
        """Return everything as plain values for JSON; ``STATISTICS`` describes them.

        Args:
            ended: why the session ended.
            dropped: frames that were replaced before they were filtered.
            sink_drops: composites that each sink was too slow to take.
            sink_errors: what ended each sink, or None.
            pipeline: ``Pipeline.statistics``.
        """
        with self._lock:
            counts, first = self._counts, self._first_filtered
            rate, share = (0.0, 0.0)
            if first is not None:
                rate, share = _pace(first, self._last_filtered, counts["out"] - 1)
            sent_ns, peak_mib = self._first_sent_ns, peak_memory_mib()
            latency_ms = self._latency.summary_ms()
            return {
                "schema": SCHEMA,
                "livebg": __version__,
                "duration_s": self._since_start_s(self._clock.now_ns()),
                "time_to_first_frame_s": None if sent_ns is None else self._since_start_s(sent_ns),
                "frames": {
                    "in": counts["in"],
                    "out": counts["out"],
                    "missed": counts["missed"],
                    "dropped": dropped,
                    "failed": counts["failed"],
                    "repeated": sum(count.cards for count in self._sinks.values()),
                },
                "rate_fps": round(rate, 2),
                "latency_ms": latency_ms,
                "audio_offset_ms": latency_ms["p50"],
                "jitter_ms": self._jitter.summary_ms(),
                "stages_ms": {
                    **{name: times.summary_ms() for name, times in self._stages.items()},
                    **pipeline.get("stages_ms", {}),
                },
                "cpu": {
                    "ms_per_frame": round(1e3 * share / rate, 3) if rate else 0.0,
                    "share_of_core": round(share, 3),
                },
                "memory": {"peak_mib": None if peak_mib is None else round(peak_mib, 1)},
                "inference": _inference(pipeline),
                "sinks": {
                    name: self._sink_summary(name, sink_drops[name], sink_errors[name])
                    for name in sink_drops
                },
                "source": {
                    **_source_summary(self._source),
                    "reconnects": counts["reconnects"],
                    "wakes": counts["wakes"],
                    "wake_ms": self._wake.summary_ms(),
                },
                "ended": ended,
            }

    def _since_start_s(self, now_ns: int) -> float:
        return round((now_ns - self._started_ns) / NS_PER_S, 3)

    def _sink_summary(self, name: str, dropped: int, error: str | None) -> dict[str, Any]:
        count = self._sinks.get(name, _SinkCount())
        return {
            "sent": count.sent,
            "cards": count.cards,
            "dropped": dropped,
            "error": error,
            "send_ms": count.send.summary_ms(),
        }


def _pace(first: tuple[int, float], last: tuple[int, float], intervals: int) -> tuple[float, float]:
    """Return frames per second and processor seconds per second between two marks."""
    seconds = (last[0] - first[0]) / NS_PER_S
    if seconds <= 0:
        return 0.0, 0.0
    return intervals / seconds, (last[1] - first[1]) / seconds


def _inference(pipeline: Mapping[str, Any]) -> dict[str, Any]:
    frames, inferred = pipeline.get("frames", 0), pipeline.get("inferred", 0)
    return {
        "model": pipeline.get("model"),
        "engine": pipeline.get("engine"),
        "input_size": pipeline.get("input_size"),
        "latency": pipeline.get("latency"),
        "count": inferred,
        "share": round(inferred / frames, 4) if frames else 0.0,
        "reasons": pipeline.get("reasons", {}),
        "refused": pipeline.get("refused", 0),
    }


def _source_summary(source: SourceInfo | None) -> dict[str, str | None]:
    """Return what a source was asked for and what it gives, in words."""
    if source is None:
        return {"name": None, "asked": None, "got": None}
    rates = () if source.frame_rate is None else (source.frame_rate,)
    got = source.granted or CameraMode("", source.size, rates)
    return {
        "name": source.name,
        "asked": None if source.asked is None else str(source.asked),
        "got": str(got),
    }
