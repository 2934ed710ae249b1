"""Offline conversion: every frame of a source through the pipeline into sinks, in order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from livebg.frame import BGR, Composite, Frame, PixelFormat
from livebg.sinks.base import Sink, agreed_format
from livebg.sources.base import Source
from livebg.threads import BoundedQueue, Worker

__all__ = ["Conversion", "FrameFilter", "convert"]

_AHEAD = 4
"""Frames that wait between two threads: enough to even out slow ones, 100 MB at most at 4K."""

_JOIN_S = 0.2


class FrameFilter(Protocol):
    """What a conversion needs of ``livebg.pipeline.Pipeline``."""

    def filtered(
        self,
        frames: Iterable[Frame],
        *,
        want_alpha: bool = False,
        pixel_format: PixelFormat = BGR,
    ) -> Iterator[Composite]:
        """Filter all ``frames`` in order; may look a few ahead."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """How a conversion ended.

    Attributes:
        frames: frames that were filtered.
        finished: False when it was stopped: nothing was written then.
    """

    frames: int
    finished: bool


def convert(
    source: Source,
    pipeline: FrameFilter,
    sinks: Sequence[Sink],
    *,
    want_alpha: bool = False,
    on_progress: Callable[[int], None] | None = None,
    stop: threading.Event | None = None,
) -> Conversion:
    """Filter every frame of ``source`` and give it to every sink, in order.

    Reading and writing run beside the filter, in the threads ``livebg-decode`` and
    ``livebg-encode``; both have ended when this returns or raises. The sinks are closed at the
    end, and aborted after an error or a stop, so that nothing half-written stays; source and
    pipeline remain the caller's to close.

    Args:
        source: where frames come from; must end.
        pipeline: filters them, in the caller's thread.
        sinks: where composites go.
        want_alpha: whether the sinks need full-size mattes.
        on_progress: called with the number of frames done, after each.
        stop: ends the conversion once set.

    Raises:
        LivebgError: of the source, the pipeline or a sink: the first that failed.
    """
    work = _Work(source, sinks, stop or threading.Event())
    wanted = agreed_format(sinks)
    finished = False
    try:
        work.start()
        composites = pipeline.filtered(
            work.all_frames(), want_alpha=want_alpha, pixel_format=wanted
        )
        for composite in composites:
            work.put(composite)
            if on_progress is not None:
                on_progress(work.frames)
        finished = work.finish()
    finally:
        work.end(abort=not finished)
    return Conversion(work.frames, finished)


class _Work:
    """The threads beside the filter, and the queues between them."""

    def __init__(self, source: Source, sinks: Sequence[Sink], stop: threading.Event) -> None:
        self.frames = 0
        self._source = source
        self._sinks = sinks
        self._stop = stop
        self._decoded: BoundedQueue[Frame] = BoundedQueue(_AHEAD)
        self._filtered: BoundedQueue[Composite] = BoundedQueue(_AHEAD)
        self._decoder = Worker("decode", self._decode, on_end=self._decoded.finish)
        self._encoder = Worker("encode", self._encode, on_end=self._filtered.cancel)
        self._closed_sinks = False

    def start(self) -> None:
        self._decoder.start()
        self._encoder.start()

    def all_frames(self) -> Iterator[Frame]:
        """Yield frames up to the last, or until stopped or a sink failed."""
        while not (self._stop.is_set() or self._filtered.cancelled):
            frame = self._decoded.get()
            if frame is None:
                return
            yield frame

    def put(self, composite: Composite) -> None:
        if self._filtered.put(composite):
            self.frames += 1

    def finish(self) -> bool:
        """Wait until all is written; raise what went wrong; return False when stopped."""
        self._raise_errors()
        if self._stop.is_set():
            return False
        self._filtered.finish()
        while not self._encoder.join(_JOIN_S):
            if self._stop.is_set():
                self._filtered.cancel()
        self._raise_errors()
        return self._closed_sinks

    def end(self, *, abort: bool) -> None:
        """Wait until both threads have ended, whatever happened."""
        self._decoded.cancel()
        self._filtered.cancel()
        for worker in (self._decoder, self._encoder):
            while not worker.join(_JOIN_S):
                worker.stop()
        if abort:
            for sink in self._sinks:
                sink.abort()

    def _decode(self, stop: threading.Event) -> None:
        for frame in self._source:
            if not self._decoded.put(frame):
                return

    def _encode(self, stop: threading.Event) -> None:
        while (composite := self._filtered.get()) is not None:
            for sink in self._sinks:
                sink.send(composite)
        if self._filtered.cancelled:
            return
        for sink in self._sinks:
            sink.close()
        self._closed_sinks = True

    def _raise_errors(self) -> None:
        for worker in (self._encoder, self._decoder):
            if worker.error is not None:
                raise worker.error
