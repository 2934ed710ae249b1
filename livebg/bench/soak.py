"""Soak test: a long live session, fed as fast as it takes frames, whose memory is watched."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from livebg.bench.speed import Footage, frames_that_fit, load_footage
from livebg.bench.subjects import SubjectPlan
from livebg.clock import NS_PER_S, Clock, MonotonicClock
from livebg.errors import SourceError
from livebg.frame import Composite, Frame, Size
from livebg.live.session import Session
from livebg.live.warmup import Build, build_warmed_up
from livebg.platform.process import resident_memory_mib, thread_count
from livebg.sinks.null import NullSink
from livebg.sources.base import Source, SourceInfo

__all__ = ["Sample", "Soak", "SoakCase", "SoakResult", "growth_mib"]

_SAMPLES = 200
_WARM_UP_SHARE = 0.1
_PER_FRAMES = 10_000
_POLL_S = 0.5
"""Longer than any frame takes; then the next comes, so that a lost frame does not stop the soak."""


@dataclass(frozen=True, slots=True)
class SoakCase:
    """One preset with one effect at one size, for so many seconds."""

    plan: SubjectPlan
    effect: str
    size: Size
    clip: Path
    seconds: float


@dataclass(frozen=True, slots=True)
class Sample:
    """State of the process: frames done, memory in MiB (None if unknown), threads."""

    frames: int
    memory_mib: float | None
    threads: int


@dataclass(frozen=True, slots=True)
class SoakResult:
    """Measurements of a soak.

    Attributes:
        dropped: frames lost before the filter or before the sink.
        failed: frames that a stage failed on.
        first_mib: resident memory after the first tenth of the time, the clip included; None where
            it is unknown.
        growth_mib: memory gained per 10,000 frames after that tenth, by least squares.
        least_threads: threads of the process, those of the engines included.
    """

    subject: str
    effect: str
    size: Size
    minutes: float
    frames: int
    dropped: int
    failed: int
    first_mib: float | None
    last_mib: float | None
    growth_mib: float | None
    least_threads: int
    most_threads: int
    ended: str


class Soak:
    """A live session whose source gives the next frame when the sink has got the last."""

    def __init__(self, case: SoakCase, build: Build = build_warmed_up) -> None:
        self._case = case
        self._clock = MonotonicClock()
        footage = load_footage(case.clip, case.size, frames_that_fit(case.size))
        taken = threading.Event()
        self._sink = _TakingSink(taken)
        self._samples: list[Sample] = []
        self._began_ns = self._clock.now_ns()
        self._next_ns = self._began_ns
        self._session = Session(
            case.plan.settings,
            source=lambda: _FedSource(footage, case.size, taken, self._clock),
            sinks=[self._sink],
            build=build,
            clock=self._clock,
        )

    @property
    def frames(self) -> int:
        """Frames that the sink has got."""
        return self._sink.count

    def stop(self) -> None:
        """Ask ``run`` to end; returns at once, may be called from a signal handler."""
        self._session.stop()

    def run(self, on_tick: Callable[[], None] | None = None) -> SoakResult:
        """Run to the end of the time, or until ``stop``; call ``on_tick`` many times a second."""

        def tick() -> None:
            self._sample()
            if on_tick is not None:
                on_tick()

        self._began_ns = self._next_ns = self._clock.now_ns()
        self._session.run(seconds=self._case.seconds, on_tick=tick)
        return self._result()

    def _sample(self) -> None:
        now_ns = self._clock.now_ns()
        if now_ns >= self._next_ns and self.frames:
            self._next_ns = now_ns + round(self._case.seconds / _SAMPLES * NS_PER_S)
            self._samples.append(Sample(self.frames, resident_memory_mib(), thread_count()))

    def _result(self) -> SoakResult:
        summary = self._session.statistics
        settled = self._samples[round(len(self._samples) * _WARM_UP_SHARE) :]
        threads = [sample.threads for sample in settled] or [0]
        return SoakResult(
            subject=self._case.plan.name,
            effect=self._case.effect,
            size=self._case.size,
            minutes=(self._clock.now_ns() - self._began_ns) / NS_PER_S / 60,
            frames=self.frames,
            dropped=summary["frames"]["dropped"] + summary["sinks"]["null"]["dropped"],
            failed=summary["frames"]["failed"],
            first_mib=settled[0].memory_mib if settled else None,
            last_mib=settled[-1].memory_mib if settled else None,
            growth_mib=growth_mib(settled),
            least_threads=min(threads),
            most_threads=max(threads),
            ended=summary["ended"],
        )


def growth_mib(samples: Sequence[Sample]) -> float | None:
    """Return the MiB gained per 10,000 frames, as the slope of a line; None where unknown."""
    known = [(s.frames, s.memory_mib) for s in samples if s.memory_mib is not None]
    if len({frames for frames, _ in known}) < 2:
        return None
    frames, memory = np.array(known, np.float64).T
    frames -= frames.mean()
    return float((frames * (memory - memory.mean())).sum() / (frames**2).sum()) * _PER_FRAMES


class _TakingSink(NullSink):
    """A null sink that says when it has got a frame."""

    card_policy = "never"

    def __init__(self, taken: threading.Event) -> None:
        super().__init__()
        self._taken = taken

    def send(self, composite: Composite) -> None:
        super().send(composite)
        self._taken.set()


class _FedSource(Source):
    """A source without a rate of its own: it waits until the last frame was taken."""

    def __init__(self, footage: Footage, size: Size, taken: threading.Event, clock: Clock) -> None:
        self._frames = footage.frames()
        self._size = size
        self._taken = taken
        self._clock = clock
        self._closed = False
        self._taken.set()

    @property
    def info(self) -> SourceInfo:
        return SourceInfo("soak", self._size, frame_rate=None, frame_count=None, live=True)

    def read(self) -> Frame:
        self._clock.wait(self._taken, _POLL_S)
        self._taken.clear()
        if self._closed:
            raise SourceError("the soak's source is closed; make a new one")
        return replace(next(self._frames), captured_ns=self._clock.now_ns())

    def close(self) -> None:
        self._closed = True
        self._taken.set()
