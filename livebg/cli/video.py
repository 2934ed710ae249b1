"""``livebg video``: every frame of a video file, or of a folder of pictures."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from livebg import __version__
from livebg.cli.conflicts import (
    FRAMES,
    MATTES,
    check_output_conflicts,
    named_outputs,
    settings_files,
)
from livebg.cli.console import (
    INTERRUPTED,
    StatsFile,
    download_progress,
    frame_progress,
    stop_on_signals,
)
from livebg.cli.options import add_settings_options, settings_from
from livebg.errors import UsageError
from livebg.frame import size_text

if TYPE_CHECKING:
    from livebg.conversion import Conversion

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
    """Run ``livebg video`` and return its exit status."""
    from livebg.conversion import Converter, is_folder

    if arguments.output is None and arguments.alpha is None:
        raise UsageError(
            "there is nothing to write; name a video with -o, or a folder with --alpha"
        )
    settings = settings_from(arguments)
    output = arguments.output
    check_output_conflicts(
        {"IN": arguments.input, **settings_files(arguments, settings)},
        named_outputs(
            ("-o", output, FRAMES if output is not None and is_folder(output) else None),
            ("--alpha", arguments.alpha, MATTES),
            ("--stats", arguments.stats, None),
        ),
    )
    if "setting.fps" in arguments and arguments.input.is_file():
        raise UsageError(
            f"--fps {getattr(arguments, 'setting.fps')} is for a folder of pictures; "
            f"{arguments.input} keeps its own frame rate, leave --fps out"
        )
    stats = None if arguments.stats is None else StatsFile(arguments.stats)
    stop = threading.Event()
    with ExitStack() as stack:
        with download_progress() as progress:
            converter = Converter(
                arguments.input,
                arguments.output or (),
                alpha=arguments.alpha,
                settings=settings,
                progress=progress,
            )
        stack.enter_context(converter)
        info = converter.source.info
        with (
            stop_on_signals(stop.set),
            frame_progress(info.name, converter.expected_frames) as on_progress,
        ):
            conversion = converter.run(on_progress, stop)
        if not conversion.finished:
            print("livebg: interrupted, nothing was written", file=sys.stderr)
            return INTERRUPTED
        if stats is not None:
            stats.write(_statistics(conversion, converter.pipeline.statistics))
    print(
        f"{arguments.output or arguments.alpha}: {conversion.frames} frames of "
        f"{size_text(info.size)} in {conversion.wall_s:.1f} s "
        f"({conversion.frames / conversion.wall_s:.1f} frames per second)"
    )
    return 0


def _statistics(conversion: Conversion, inference: Mapping[str, Any]) -> dict[str, Any]:
    """Return plain values for JSON, named as in ``livebg.live.statistics``."""
    from livebg.live.statistics import SCHEMA
    from livebg.platform.process import peak_memory_mib

    frames, wall_s, cpu_s = conversion.frames, conversion.wall_s, conversion.cpu_s
    return {
        "schema": SCHEMA,
        "livebg": __version__,
        "duration_s": round(wall_s, 3),
        "frames": {"in": frames, "out": frames},
        "rate_fps": round(frames / wall_s, 2),
        "cpu": {
            "ms_per_frame": round(1e3 * cpu_s / max(1, frames), 3),
            "share_of_core": round(cpu_s / wall_s, 3),
        },
        "memory": {"peak_mib": peak_memory_mib()},
        "inference": dict(inference),
    }
