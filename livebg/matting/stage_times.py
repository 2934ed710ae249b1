"""Durations of the pipeline's stages, call by call, in bounded memory."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

from livebg.clock import NS_PER_S, Clock

__all__ = ["Histogram", "StageTimes"]

_SMALLEST_S = 1e-6
_STEP = 1.02
_BINS = 1 + math.ceil(math.log(600.0 / _SMALLEST_S, _STEP))


class Histogram:
    """Durations in bins that grow by 2 %, from one microsecond to ten minutes.

    A percentile is the geometric middle of its bin, so it is within 1 % of the exact one; shorter
    and longer durations land in the first and the last bin. Not safe to share between threads.
    """

    def __init__(self) -> None:
        self.count = 0
        """Number of durations."""
        self._bins = [0] * _BINS
        self._sum_s = 0.0

    def add(self, seconds: float) -> None:
        """Add one duration; a negative one counts as 0."""
        place = 0
        if seconds > _SMALLEST_S:
            place = min(_BINS - 1, 1 + int(math.log(seconds / _SMALLEST_S, _STEP)))
        self._bins[place] += 1
        self.count += 1
        self._sum_s += max(0.0, seconds)

    @property
    def mean(self) -> float:
        """Exact mean in seconds; 0 without any."""
        return self._sum_s / self.count if self.count else 0.0

    def percentile(self, percent: float) -> float:
        """Return the duration in seconds that ``percent`` of all do not exceed; 0 without any."""
        rank = max(1, math.ceil(self.count * percent / 100))
        seen = 0
        for place, count in enumerate(self._bins):
            seen += count
            if seen >= rank:
                return _SMALLEST_S * _STEP ** (place - 0.5) if place else _SMALLEST_S
        return 0.0

    def summary_ms(self) -> dict[str, float | int | None]:
        """Return ``count``, and ``mean``, ``p50``, ``p95``, ``p99`` in ms; None if empty."""
        values = {"mean": self.mean, **{f"p{p}": self.percentile(p) for p in (50, 95, 99)}}
        return {
            "count": self.count,
            **{name: round(s * 1e3, 3) if self.count else None for name, s in values.items()},
        }


class StageTimes:
    """Durations by stage, recorded in one thread; any other may read.

    Example:
        >>> from livebg.clock import ManualClock
        >>> clock = ManualClock()
        >>> times = StageTimes(clock)
        >>> with times.timed("compose"):
        ...     clock.advance(0.004)
        >>> times.per_frame_ms(frames=2)
        {'compose': 2.0}
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._stages: dict[str, Histogram] = {}
        self.spent_ns = 0
        """Nanoseconds in which all calls have kept the pipeline's thread; never cleared."""

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Record one call of ``stage``, also where it raises."""
        began_ns = self._clock.now_ns()
        try:
            yield
        finally:
            self.add(stage, self._clock.now_ns() - began_ns)

    def add(self, stage: str, duration_ns: int, *, in_thread: bool = True) -> None:
        """Record one call of ``stage``; ``in_thread``: it kept the pipeline's own thread."""
        if in_thread:
            self.spent_ns += duration_ns
        self._stages.setdefault(stage, Histogram()).add(duration_ns / NS_PER_S)

    def per_frame_ms(self, frames: int) -> dict[str, float]:
        """Return the mean milliseconds that each stage takes of one of ``frames``."""
        return {
            stage: times.mean * times.count * 1e3 / max(1, frames)
            for stage, times in self._stages.copy().items()
        }

    def summaries_ms(self) -> dict[str, dict[str, float | int | None]]:
        """Return ``Histogram.summary_ms`` of the calls by stage."""
        return {stage: times.summary_ms() for stage, times in self._stages.copy().items()}

    def clear(self) -> None:
        """Forget the calls of all stages."""
        self._stages.clear()
