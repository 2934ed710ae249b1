"""How long each stage of the chain takes, call by call, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from livebg.clock import NS_PER_S, Clock
from livebg.runtime.histogram import Histogram

__all__ = ["StageTimes"]


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
