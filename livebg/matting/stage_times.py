"""Percentiles of a stream of durations in bounded memory.

How long each stage of the chain takes, call by call, in bounded memory.
"""

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
    """Counts durations in bins that grow by 2 %, from one microsecond to ten minutes.

    A percentile is the geometric middle of its bin, so it is within 1 % of the exact one; shorter
    and longer durations land in the first and the last bin. Not safe to share between threads.

    Example:
        >>> histogram = Histogram()
        >>> for ms in range(1, 101):
        ...     histogram.add(ms / 1000)
        >>> 0.049 < histogram.percentile(50) < 0.051
        True
    """

    def __init__(self) -> None:
        self._counts = [0] * _BINS
        self._total = 0
        self._sum_s = 0.0

    def add(self, seconds: float) -> None:
        """Count one duration; a negative one counts as 0."""
        place = 0
        if seconds > _SMALLEST_S:
            place = min(_BINS - 1, 1 + int(math.log(seconds / _SMALLEST_S, _STEP)))
        self._counts[place] += 1
        self._total += 1
        self._sum_s += max(0.0, seconds)

    @property
    def count(self) -> int:
        """How many durations were counted."""
        return self._total

    @property
    def mean(self) -> float:
        """Their exact mean in seconds; 0 when there is none."""
        return self._sum_s / self._total if self._total else 0.0

    def percentile(self, percent: float) -> float:
        """Return the duration in seconds that ``percent`` of them do not exceed; 0 if none."""
        wanted = max(1, math.ceil(self._total * percent / 100))
        seen = 0
        for place, count in enumerate(self._counts):
            seen += count
            if seen >= wanted:
                return _SMALLEST_S * _STEP ** (place - 0.5) if place else _SMALLEST_S
        return 0.0

    def summary_ms(self) -> dict[str, float | int | None]:
        """Return ``count`` and in milliseconds ``mean``, ``p50``, ``p95``, ``p99``; None if empty.

        Example:
            >>> Histogram().summary_ms()["p50"] is None
            True
        """
        known = self._total > 0
        return {
            "count": self._total,
            "mean": round(self.mean * 1e3, 3) if known else None,
            **{
                f"p{percent}": round(self.percentile(percent) * 1e3, 3) if known else None
                for percent in (50, 95, 99)
            },
        }


class StageTimes:
    """Times stages by name, in one thread; any other may read.

    Args:
        clock: what times them.

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
        """Nanoseconds for which all calls together have kept the chain's thread; never cleared."""

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Time one call of ``stage``; one that raises counts too."""
        started_ns = self._clock.now_ns()
        try:
            yield
        finally:
            self.add(stage, self._clock.now_ns() - started_ns, kept=True)

    def add(self, stage: str, took_ns: int, *, kept: bool) -> None:
        """Record a call of ``stage`` that was timed elsewhere.

        Args:
            stage: its name.
            took_ns: how long it took, in nanoseconds.
            kept: whether it kept the chain's own thread from anything else.
        """
        if kept:
            self.spent_ns += took_ns
        self._stages.setdefault(stage, Histogram()).add(took_ns / NS_PER_S)

    def per_frame_ms(self, frames: int) -> dict[str, float]:
        """Return the mean milliseconds that each stage takes of one of ``frames``."""
        return {
            stage: took.mean * took.count * 1e3 / max(1, frames)
            for stage, took in self._stages.copy().items()
        }

    def distributions(self) -> dict[str, dict[str, float | int | None]]:
        """Return ``Histogram.summary_ms`` of the calls by stage."""
        return {stage: took.summary_ms() for stage, took in self._stages.copy().items()}

    def clear(self) -> None:
        """Forget what was recorded by stage."""
        self._stages.clear()
