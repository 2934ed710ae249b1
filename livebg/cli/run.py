"""``livebg run``: the live filter, from a camera to wherever pictures are wanted."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from livebg.cli.conflicts import MATTES, check_output_conflicts, named_outputs, settings_files
from livebg.cli.console import INTERRUPTED, StatsFile, download_progress, stop_on_signals
from livebg.cli.options import add_settings_options, config_path, settings_from
from livebg.cli.outputs import add_output_options, outputs_from, was_recorded
from livebg.errors import UsageError
from livebg.threads import still_running

if TYPE_CHECKING:
    from livebg.cli.outputs import Outputs
    from livebg.cli.status_line import StatusLine
    from livebg.config.settings import Settings
    from livebg.live.session import Session

__all__ = ["add_parser", "fetch_network", "run"]

_LONGEST_S = 100_000_000
"""Three years; with much more the clock's nanoseconds overflow."""

_LONGEST_DELAY_MS = 2000
"""Beyond this, delaying the microphone is no help."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the parser of ``livebg run`` and set its ``run``."""
    parser = subparsers.add_parser(
        "run",
        help="filter a camera live",
        description="Filter a camera live. A video file given as --camera is played as if it "
        "were one. Ctrl+C, q in the window or the end of the video stop it.",
    )
    add_output_options(parser)
    parser.add_argument("--loop", action="store_true", help="start a video again when it is over")
    parser.add_argument("--seconds", type=float, metavar="N", help="stop after N seconds")
    parser.add_argument(
        "--stats",
        type=Path,
        metavar="FILE",
        help="write statistics to FILE as JSON at the end; the README says what they mean",
    )
    add_settings_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run ``livebg run`` and return its exit status."""
    started_ns = time.monotonic_ns()
    settings = settings_from(arguments)
    if arguments.seconds is not None and not 0 < arguments.seconds <= _LONGEST_S:
        raise UsageError(
            f"--seconds must be more than 0 and at most {_LONGEST_S}, not {arguments.seconds:g}; "
            "without it livebg runs until it is stopped"
        )
    outputs = outputs_from(arguments)
    check_output_conflicts(
        {"--camera": str(settings.camera), **settings_files(arguments, settings)},
        named_outputs(
            ("--record", arguments.record, None),
            ("--alpha", arguments.alpha, MATTES),
            ("--stats", arguments.stats, None),
        ),
    )
    stats = None if arguments.stats is None else StatsFile(arguments.stats)

    from livebg.cli.status_line import StatusLine
    from livebg.clock import MonotonicClock
    from livebg.live.session import Session
    from livebg.live.statistics import Statistics

    line = StatusLine(MonotonicClock())
    try:
        fetch_network(settings)
        session = Session(
            settings,
            sinks=outputs.sinks,
            loop=arguments.loop,
            on_demand=outputs.on_demand,
            started_ns=started_ns,
            notice=line.say,
        )
        if outputs.on_demand:
            _explain_on_demand(outputs, can_rest=session.can_rest, notice=line.say)
    except KeyboardInterrupt:
        if stats is not None:
            nothing = Statistics(MonotonicClock(), started_ns=started_ns)
            stats.write(nothing.summary(ended="interrupted"))
        _leave_stuck_threads(still_running(), INTERRUPTED)
        raise
    try:
        _drive(session, line, arguments, settings)
    finally:
        line.clear()
        if stats is not None:
            stats.write(session.statistics)
        _print_summary(session, arguments.record)
    _leave_stuck_threads(still_running() if session.stop_requested else session.unfinished, 0)
    return 0


def fetch_network(settings: Settings) -> None:
    """Have the network's weights in the cache before anything starts that would wait for them."""
    from livebg.models.catalog import check_kept, find
    from livebg.models.weights import ensure_weights
    from livebg.plugins import is_registered

    if not (settings.model.endswith(".onnx") or is_registered("segmenters", settings.model)):
        entry = find(settings.model)
        check_kept(entry.name, entry.classes, settings.keep)
        with download_progress() as progress:
            ensure_weights(entry, progress)


def _explain_on_demand(outputs: Outputs, *, can_rest: bool, notice: Callable[[str], None]) -> None:
    """Say what running on demand means here, where it is not what a user would expect."""
    if not can_rest:
        notice("this virtual camera cannot tell whether an app reads it: the camera stays on")
    elif not outputs.only_virtual_camera:
        notice(
            "the camera runs only while an app reads the virtual camera; until then every other "
            "output shows a card or waits"
        )


def _drive(
    session: Session, line: StatusLine, arguments: argparse.Namespace, settings: Settings
) -> None:
    """Run the session, with its keys, its configuration file and its status line."""
    from livebg.clock import MonotonicClock
    from livebg.config.watch import WatchedFile
    from livebg.live.controller import LiveConfig, LiveController
    from livebg.sinks.window import Window
    from livebg.sources.open import source_report

    path = config_path(arguments)
    config = None
    if path is not None:
        file = WatchedFile(path, MonotonicClock())
        config = LiveConfig(file, lambda: settings_from(arguments), settings, line.say)
    window = session.window if isinstance(session.window, Window) else None
    controller = LiveController(
        session,
        notice=line.say,
        status=line.update,
        window=window,
        config=config,
        snapshots=Path.cwd(),
    )
    with stop_on_signals(session.stop):
        for sentence in source_report(session.info):
            line.say(sentence)
        session.run(seconds=arguments.seconds, on_tick=controller.tick)


def _print_summary(session: Session, recording: Path | None) -> None:
    summary = session.statistics
    frames = summary["frames"]
    print(
        f"livebg: {summary['ended']}; {frames['out']} frames filtered, {frames['dropped']} dropped",
        file=sys.stderr,
    )
    latency = summary["latency_ms"]
    if latency["count"]:
        offset_ms = summary["audio_offset_ms"]
        advice = f"; delay the microphone by {offset_ms:.0f} ms to match"
        print(
            f"livebg: the filter added {latency['p50']:.0f} ms (p99 {latency['p99']:.0f} ms)"
            f"{advice if offset_ms < _LONGEST_DELAY_MS else ''}",
            file=sys.stderr,
        )
    if recording is not None and was_recorded(session):
        print(f"livebg: recorded {recording}", file=sys.stderr)


def _leave_stuck_threads(names: Sequence[str], status: int) -> None:
    """End the process at once where a thread hangs in a driver: a tidy exit would crash there."""
    if names:
        print(f"livebg: gave up waiting for {', '.join(names)}", file=sys.stderr)
        sys.stderr.flush()
        os._exit(status)
