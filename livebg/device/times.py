"""How long the device takes for each stage, by its own clock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from livebg.clock import Clock

__all__ = ["DeviceTimes"]

_NS_PER_MS = 1_000_000


class DeviceTimes:
    """Times stages: on CUDA by events on the current stream, elsewhere by the host's clock.

    A stage's work is only queued when its block ends; its events are read when the composite has
    come down, so that nothing waits for them.

    Args:
        device: where the stages run.
        clock: the host's clock.
    """

    def __init__(self, device: torch.device, clock: Clock) -> None:
        self._cuda = device.type == "cuda"
        self._clock = clock
        self._open: list[tuple[str, torch.cuda.Event, torch.cuda.Event]] = []
        self._done: list[tuple[str, int]] = []

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Time one call of ``stage``."""
        if not self._cuda:
            began_ns = self._clock.now_ns()
            yield
            self._done.append((stage, self._clock.now_ns() - began_ns))
            return
        begin = torch.cuda.Event(enable_timing=True)
        end = torch.cuda.Event(enable_timing=True)
        begin.record()
        yield
        end.record()
        self._open.append((stage, begin, end))

    def read(self) -> list[tuple[str, int]]:
        """Return stage and nanoseconds of every call that has ended since the last time."""
        while self._open and self._open[0][2].query():
            stage, begin, end = self._open.pop(0)
            self._done.append((stage, round(begin.elapsed_time(end) * _NS_PER_MS)))
        done, self._done = self._done, []
        return done

    def clear(self) -> None:
        """Forget what was not read yet."""
        self._open.clear()
        self._done.clear()
