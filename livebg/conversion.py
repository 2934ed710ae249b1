"""Offline conversion: every frame of a source through the pipeline into sinks, in order."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from livebg.closable import Closable
from livebg.config.load import chosen_settings
from livebg.config.settings import Settings
from livebg.download import Progress
from livebg.errors import UsageError
from livebg.frame import Composite, Frame
from livebg.pipeline import Pipeline
from livebg.sinks.base import Sink, agreed_format
from livebg.sinks.pictures import AlphaFolder, PictureFolderSink
from livebg.sinks.recorder import Recorder
from livebg.sources.base import Source
from livebg.sources.pictures import PictureFolder
from livebg.sources.video import VideoFile
from livebg.threads import BoundedQueue, Worker

__all__ = ["Conversion", "Converter", "convert", "is_folder"]

_DEFAULT_PRESET = "quality"

_AHEAD = 4
"""Frames that wait between two threads: enough to even out slow ones, 100 MB at most at 4K."""

_JOIN_S = 0.2


@dataclass(frozen=True, slots=True)
class Conversion:
    """The outcome of a conversion.

    Attributes:
        frames: frames that were filtered.
        finished: False when it was stopped: nothing was written then.
        wall_s: seconds that it took.
        cpu_s: processor time of the program meanwhile, in seconds.
    """

    frames: int
    finished: bool
    wall_s: float = field(default=0.0, compare=False)
    cpu_s: float = field(default=0.0, compare=False)


def convert(
    source: str | Path | Source,
    output: str | Path | Sink | Sequence[Sink] = (),
    *,
    alpha: str | Path | None = None,
    on_progress: Callable[[int], None] | None = None,
    stop: threading.Event | None = None,
    **options: Any,
) -> Conversion:
    """Filter every frame of ``source`` into ``output``, with its sound.

    Args:
        source: a video file or a folder of pictures; or an open source, which must end.
        output: a video (.mp4 .mkv .webm .mov) or a folder for pictures; or open sinks, which are
            closed.
        alpha: folder for the mattes.
        on_progress: called with the number of frames done, after each.
        stop: ends the conversion once set.
        options: other arguments of ``Converter``, settings among them: ``background="blur"``.

    Raises:
        UsageError: a setting is wrong, or there is nothing to write.
        InputError: a file cannot be read or written.
        LivebgError: of the source, the pipeline or a sink, whichever failed first; nothing is left
            half-written.

    Example:
        >>> convert("talk.mp4", "out.mp4", background="office.jpg")  # doctest: +SKIP
    """
    with Converter(source, output, alpha=alpha, **options) as converter:
        return converter.run(on_progress, stop)


class Converter(Closable):
    """A conversion whose files are open and whose network is loaded; runs once.

    Args:
        source: as for ``convert``.
        output: as for ``convert``.
        alpha: as for ``convert``.
        settings: all settings; without them, ``preset`` and ``overrides`` say what holds.
        preset: name of a preset, ``quality`` by default.
        pipeline: filters the frames, in place of one that the settings make; the caller closes it.
        progress: told how far a download of weights is.
        overrides: settings by name, as text or value.

    Raises:
        LivebgError: as ``convert``; nothing is left open or half-written.
    """

    def __init__(
        self,
        source: str | Path | Source,
        output: str | Path | Sink | Sequence[Sink] = (),
        *,
        alpha: str | Path | None = None,
        settings: Settings | None = None,
        preset: str | None = None,
        pipeline: Pipeline | None = None,
        progress: Progress | None = None,
        **overrides: Any,
    ) -> None:
        settings = chosen_settings(settings, preset, overrides, default_preset=_DEFAULT_PRESET)
        self._finished = False
        self._sinks: list[Sink] = []
        with ExitStack() as undo:
            if isinstance(source, Source):
                self.source = source
            else:
                self.source = undo.enter_context(_open_source(Path(source), settings))
            undo.callback(self._abort_unfinished)
            if isinstance(output, str | Path):
                file = None if isinstance(source, Source) else Path(source)
                self._sinks.append(_open_output(output, self.source, file, settings))
            else:
                self._sinks.extend([output] if isinstance(output, Sink) else output)
            if alpha is not None:
                self._sinks.append(AlphaFolder(Path(alpha)))
            if not self._sinks:
                raise UsageError("there is nothing to write; name an output, or a folder for alpha")
            if pipeline is None:
                size = self.source.info.size
                pipeline = undo.enter_context(Pipeline(settings, size, progress=progress))
            self.pipeline = pipeline
            self._open = undo.pop_all()

    @property
    def expected_frames(self) -> int | None:
        """About how many frames there are; None where the source does not tell."""
        if isinstance(self.source, VideoFile):
            return self.source.expected_frames
        return self.source.info.frame_count

    def run(
        self,
        on_progress: Callable[[int], None] | None = None,
        stop: threading.Event | None = None,
    ) -> Conversion:
        """Filter every frame in the calling thread, until ``stop`` is set.

        Reading and writing run beside it, in the threads ``livebg-decode`` and ``livebg-encode``;
        both have ended when this returns or raises.

        Raises:
            LivebgError: of the source, the pipeline or a sink, whichever failed first.
        """
        wall, cpu = time.perf_counter(), time.process_time()
        work = _Work(self.source, self._sinks, stop or threading.Event())
        try:
            work.start()
            want_alpha = any(sink.wants_alpha for sink in self._sinks)
            pixel_format = agreed_format(self._sinks)
            for frame in work.all_frames():
                composite = self.pipeline.process(
                    frame, want_alpha=want_alpha, pixel_format=pixel_format
                )
                assert composite is not None  # only a live pipeline is ever late
                work.put(composite)
                if on_progress is not None:
                    on_progress(work.frames)
            self._finished = work.finish()
        finally:
            work.end()
            self._abort_unfinished()
        wall_s, cpu_s = time.perf_counter() - wall, time.process_time() - cpu
        return Conversion(work.frames, self._finished, wall_s, cpu_s)

    def close(self) -> None:
        """Close the files; outputs that are not finished are removed. Idempotent."""
        self._open.close()

    def _abort_unfinished(self) -> None:
        while self._sinks and not self._finished:
            self._sinks.pop(0).abort()


class _Work:
    """The threads beside the filter, and the queues between them."""

    def __init__(self, source: Source, sinks: Sequence[Sink], stop: threading.Event) -> None:
        self.frames = 0
        self._source = source
        self._sinks = sinks
        self._stop = stop
        self._decoded: BoundedQueue[Frame] = BoundedQueue(_AHEAD)
        self._filtered: BoundedQueue[Composite] = BoundedQueue(_AHEAD)
        self._decoder = Worker("decode", self._decode, on_end=self._decoded.close)
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
        """Wait until all is written; raise the first error; return False when stopped."""
        self._raise_errors()
        if self._stop.is_set():
            return False
        self._filtered.close()
        while not self._encoder.join(_JOIN_S):
            if self._stop.is_set():
                self._filtered.cancel()
        self._raise_errors()
        return self._closed_sinks

    def end(self) -> None:
        """Wait until both threads have ended, whatever happened."""
        self._decoded.cancel()
        self._filtered.cancel()
        for worker in (self._decoder, self._encoder):
            while not worker.join(_JOIN_S):
                worker.stop()

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


def is_folder(output: str | Path) -> bool:
    """Return whether an output is a folder for pictures.

    Example:
        >>> is_folder("frames/"), is_folder("out.mp4")
        (True, False)
    """
    text = os.fspath(output)
    return text.endswith(("/", "\\")) or os.path.isdir(text) or not Path(text).suffix


def _open_source(path: Path, settings: Settings) -> Source:
    if path.is_dir():
        return PictureFolder(path, Fraction(settings.fps).limit_denominator(1001))
    return VideoFile(path)


def _open_output(output: str | Path, source: Source, file: Path | None, settings: Settings) -> Sink:
    """Open the output for ``source``, which is read from ``file``."""
    if is_folder(output):
        return PictureFolderSink(Path(output))
    if file is not None and os.path.exists(output) and os.path.samefile(file, output):
        raise UsageError(f"{output} is what is read, name another output")
    return Recorder(
        Path(output),
        size=source.info.size,
        frame_rate=source.info.frame_rate,
        transparent=settings.background.transparent,
        audio_from=file if isinstance(source, VideoFile) else None,
    )
