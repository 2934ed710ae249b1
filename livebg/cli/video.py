"""``livebg video``: every frame of a video file, or of a folder of pictures."""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from livebg import __version__
from livebg.cli.conflicts import FRAMES, MATTES, Written, check_output_conflicts, settings_files
from livebg.cli.console import INTERRUPTED, StatsFile
from livebg.cli.options import add_settings_options, settings_from
from livebg.errors import UsageError

if TYPE_CHECKING:
    from livebg.config.settings import Settings
    from livebg.convert import Conversion
    from livebg.pipeline import Pipeline
    from livebg.sinks.base import Sink
    from livebg.sources.base import Source, SourceInfo

__all__ = ["add_parser", "run"]

_SETTINGS = (
    "fps",
    "mirror",
    "model",
    "keep",
    "device",
    "precision",
    "threads",
    "matte_size",
    "every",
    "max_residual",
    "max_age",
    "background",
    "smoothing_s",
    "edge_colour",
    "auto_frame",
)
"""The settings that mean something without a camera."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the parser of ``livebg video`` and set its ``run``."""
    parser = subparsers.add_parser(
        "video",
        help="filter a video file or a folder of pictures",
        description="Filter every frame of a video, in order, at its own time, with its sound. "
        "What is written gets its name at the end: after an error or Ctrl+C, nothing is left.",
    )
    parser.add_argument(
        "input",
        metavar="IN",
        type=Path,
        help="a video file, or a folder of pictures in the order of their names (then --fps)",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        help="a video (.mp4 .mkv .webm .mov), or a folder for pictures; --background transparent "
        "needs .webm, .mov or a folder",
    )
    parser.add_argument(
        "--alpha", metavar="DIR", type=Path, help="write each matte to DIR as alpha_0000.png ..."
    )
    parser.add_argument(
        "--stats", metavar="FILE", type=Path, help="write what was measured to FILE, as JSON"
    )
    add_settings_options(parser, names=_SETTINGS, default_preset="quality")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run ``livebg video`` and return its exit status.

    Raises:
        UsageError: nothing is to be written, an output would replace what is read or another
            output, or a setting cannot be used.
        InputError: the input cannot be read, or an output cannot be written to.
        ModelError: the network cannot be loaded or failed.
        SourceError: the input breaks off.
        SinkError: an output cannot be written.
    """
    from livebg.cli.console import download_progress
    from livebg.pipeline import Pipeline

    if arguments.output is None and arguments.alpha is None:
        raise UsageError(
            "there is nothing to write; name a video with -o, or a folder with --alpha"
        )
    settings = settings_from(arguments)
    check_output_conflicts(
        {"IN": arguments.input, **settings_files(arguments, settings)}, _writes(arguments)
    )
    with ExitStack() as stack:
        source = stack.enter_context(_open_source(arguments, settings))
        sinks = [
            stack.enter_context(sink) for sink in _open_sinks(arguments, source.info, settings)
        ]
        stats = None if arguments.stats is None else StatsFile(arguments.stats)
        with download_progress() as progress:
            pipeline = stack.enter_context(Pipeline(settings, source.info.size, progress=progress))
        measured = _convert(arguments, source, pipeline, sinks)
        if not measured.conversion.finished:
            print("livebg: interrupted, nothing was written", file=sys.stderr)
            return INTERRUPTED
        if stats is not None:
            stats.write(measured.summary(pipeline))
    print(measured.sentence(arguments.output or arguments.alpha, source.info))
    return 0


@dataclass(frozen=True, slots=True)
class _Measured:
    """What a conversion took."""

    conversion: Conversion
    wall_s: float
    cpu_s: float

    def summary(self, pipeline: Pipeline) -> dict[str, Any]:
        """Return plain values for JSON, named as in ``livebg.live.statistics``."""
        from livebg.live.statistics import SCHEMA
        from livebg.platform.process import peak_memory_mib

        frames = self.conversion.frames
        return {
            "schema": SCHEMA,
            "livebg": __version__,
            "duration_s": round(self.wall_s, 3),
            "frames": {"in": frames, "out": frames},
            "rate_fps": round(frames / self.wall_s, 2),
            "cpu": {
                "ms_per_frame": round(1e3 * self.cpu_s / max(1, frames), 3),
                "share_of_core": round(self.cpu_s / self.wall_s, 3),
            },
            "memory": {"peak_mib": peak_memory_mib()},
            "inference": dict(pipeline.statistics),
        }

    def sentence(self, target: str | Path, info: SourceInfo) -> str:
        frames = self.conversion.frames
        return (
            f"{target}: {frames} frames of {info.size[0]}x{info.size[1]} in {self.wall_s:.1f} s "
            f"({frames / self.wall_s:.1f} frames per second)"
        )


def _convert(
    arguments: argparse.Namespace, source: Source, pipeline: Pipeline, sinks: Sequence[Sink]
) -> _Measured:
    from livebg.cli.console import frame_progress, stop_on_signals
    from livebg.convert import convert

    stop = threading.Event()
    wall, cpu = time.perf_counter(), time.process_time()
    total = _expected_frames(source)
    with stop_on_signals(stop.set), frame_progress(source.info.name, total) as progress:
        conversion = convert(
            source,
            pipeline,
            sinks,
            want_alpha=arguments.alpha is not None,
            on_progress=progress,
            stop=stop,
        )
    return _Measured(conversion, time.perf_counter() - wall, time.process_time() - cpu)


def _open_source(arguments: argparse.Namespace, settings: Settings) -> Source:
    if arguments.input.is_dir():
        from livebg.sources.pictures import PictureFolder

        return PictureFolder(arguments.input, Fraction(settings.fps).limit_denominator(1001))
    if "setting.fps" in arguments:
        raise UsageError(
            f"--fps {getattr(arguments, 'setting.fps')} is for a folder of pictures; "
            f"{arguments.input} keeps its own frame rate, leave --fps out"
        )
    from livebg.sources.video import VideoFile

    return VideoFile(arguments.input)


def _expected_frames(source: Source) -> int | None:
    from livebg.sources.video import VideoFile

    return source.expected_frames if isinstance(source, VideoFile) else source.info.frame_count


def _writes(arguments: argparse.Namespace) -> list[Written]:
    places = (
        ("-o", arguments.output, FRAMES if _is_folder(arguments.output) else None),
        ("--alpha", arguments.alpha, MATTES),
        ("--stats", arguments.stats, None),
    )
    return [
        Written(option, Path(path), prefix) for option, path, prefix in places if path is not None
    ]


def _is_folder(output: str | None) -> bool:
    """Say whether ``-o`` names a folder for pictures."""
    return output is not None and (
        output.endswith(("/", "\\")) or os.path.isdir(output) or not Path(output).suffix
    )


def _open_sinks(arguments: argparse.Namespace, info: SourceInfo, settings: Settings) -> list[Sink]:
    sinks: list[Sink] = []
    try:
        if arguments.output is not None:
            sinks.append(_open_output(arguments, info, settings))
        if arguments.alpha is not None:
            from livebg.sinks.pictures import AlphaFolder

            sinks.append(AlphaFolder(arguments.alpha))
    except BaseException:
        for sink in sinks:
            sink.abort()
        raise
    return sinks


def _open_output(arguments: argparse.Namespace, info: SourceInfo, settings: Settings) -> Sink:
    path = Path(arguments.output)
    if _is_folder(arguments.output):
        from livebg.sinks.pictures import PictureFolderSink

        return PictureFolderSink(path)
    from livebg.sinks.recorder import Recorder

    return Recorder(
        path,
        size=info.size,
        frame_rate=info.frame_rate,
        transparent=settings.background.transparent,
        audio_from=None if arguments.input.is_dir() else arguments.input,
    )
