"""The options of ``livebg bench``, and how their texts are read.

``livebg bench``: how fast it is here, and how good.
"""

from __future__ import annotations

import argparse
import math
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from livebg.bench.speed import EFFECTS, NAMED_SIZES
from livebg.cli.conflicts import Written, check_output_conflicts
from livebg.cli.options import add_overrides, overrides_from
from livebg.config.load import load_settings
from livebg.config.settings import SETTINGS, Settings
from livebg.errors import UsageError
from livebg.frame import Size

if TYPE_CHECKING:
    from livebg.atomic import PartialFile
    from livebg.bench.parity import ParityResult
    from livebg.bench.quality import QualityResult
    from livebg.bench.report import Report
    from livebg.bench.soak import SoakResult
    from livebg.bench.speed import Length, SpeedResult, SubjectPlan
    from livebg.bench.suite import Progress

__all__ = ["QUICK_SECONDS", "SECONDS", "add_options", "add_parser", "run"]


SECONDS = 4.0
"""How long a case is measured."""

QUICK_SECONDS = 1.5
"""How long it is measured with ``--quick``."""

_SIZE = re.compile(r"(\d{2,4})x(\d{2,4})")
_LEAST_SIDE, _LARGEST_SIDE = 64, 8192

_MOST = 1_000_000
"""Seconds or minutes that a measurement may last."""

_NOT_MEASURED = frozenset({"camera", "size", "fps", "mirror", "max_matte_age_s", "background"})
"""Settings of the camera and of the live session, and the one that --effects chooses."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add everything that ``livebg bench`` understands."""
    _add_what(parser)
    _add_how_long(parser)
    _add_outputs(parser)
    add_overrides(parser, [name for name in SETTINGS if name not in _NOT_MEASURED])


def _add_what(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--presets",
        type=_words,
        default="fast,balanced,quality",
        metavar="NAME[,NAME...]",
        help="what to measure (default %(default)s)",
    )
    parser.add_argument(
        "--sizes",
        type=_sizes,
        metavar="SIZE[,SIZE...]",
        help="720p, 1080p, 4K or WIDTHxHEIGHT (default all three)",
    )
    parser.add_argument(
        "--effects",
        type=_effects,
        default=",".join(EFFECTS),
        metavar="NAME[,NAME...]",
        help="backgrounds: picture, blur (default both)",
    )
    parser.add_argument(
        "--clip",
        type=Path,
        metavar="FILE",
        help="video, or folder of pictures, to measure speed on (default: that of livebg demo)",
    )
    parser.add_argument(
        "--clips",
        type=Path,
        metavar="DIR",
        help="measure quality too: each folder in DIR holds frame_0000.jpg ... and their exact "
        "mattes alpha_0000.png ...",
    )


def _add_how_long(parser: argparse.ArgumentParser) -> None:
    length = parser.add_mutually_exclusive_group()
    length.add_argument(
        "--seconds",
        type=_positive,
        metavar="N",
        help=f"how long to measure each case (default {SECONDS:g})",
    )
    length.add_argument(
        "--frames", type=_count, metavar="N", help="how many frames to measure of each case instead"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help=f"720p only, {QUICK_SECONDS:g} seconds each: done within a minute",
    )
    parser.add_argument("--no-speed", action="store_true", help="measure no speed")
    parser.add_argument(
        "--parity",
        action="store_true",
        help="instead of speed and quality, compare the mattes of every engine, device and "
        "arithmetic that there is here, on --clips or --clip",
    )
    parser.add_argument(
        "--soak",
        type=_positive,
        metavar="MINUTES",
        help="instead of speed, run a live session as fast as it takes frames and watch its "
        "memory, threads and drops, with the first preset, size and effect",
    )


def _add_outputs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--report", type=Path, metavar="FILE.md", help="write the tables to a file as well"
    )
    parser.add_argument(
        "--plot",
        type=_svg,
        metavar="FILE.svg",
        help="draw quality against processor time; needs --clips",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")


def _words(text: str) -> list[str]:
    words = list(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    if not words:
        raise argparse.ArgumentTypeError("name one or more, separated by commas")
    return words


def _effects(text: str) -> list[str]:
    words = _words(text)
    for word in words:
        if word not in EFFECTS:
            raise argparse.ArgumentTypeError(
                f"there is no effect {word!r}, only {', '.join(EFFECTS)}"
            )
    return words


def _sizes(text: str) -> list[Size]:
    return [_size(word) for word in _words(text)]


def _size(word: str) -> Size:
    named = {name.lower(): size for name, size in NAMED_SIZES.items()}
    if word.lower() in named:
        return named[word.lower()]
    found = _SIZE.fullmatch(word.lower())
    size = (0, 0) if found is None else (int(found[1]), int(found[2]))
    if min(size) < _LEAST_SIDE or max(size) > _LARGEST_SIDE:
        raise argparse.ArgumentTypeError(
            f"{word!r} is no size; write {', '.join(NAMED_SIZES)}, or WIDTHxHEIGHT from "
            f"{_LEAST_SIDE} to {_LARGEST_SIDE} pixels"
        )
    return size


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number <= _MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0, up to {_MOST}")
    return number


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)


def _svg(text: str) -> Path:
    path = Path(text)
    if path.suffix.lower() != ".svg":
        raise argparse.ArgumentTypeError(f"{text!r} must end in .svg")
    return path


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the parser of ``livebg bench`` and set its ``run``."""
    parser = subparsers.add_parser(
        "bench",
        help="measure speed and quality",
        description="Measure presets from memory to a null sink, each in a process of its own, "
        "beside two baselines: Robust Video Matting as released with float blending, and a copy "
        "of the frame. With --clips, measure the quality of their mattes too.",
    )
    add_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run ``livebg bench`` and return its exit status.

    Raises:
        UsageError: an option cannot be used, or a file would be written over another; nothing was
            measured.
        InputError: a clip cannot be read, or a file cannot be written.
        LivebgError: a network cannot be fetched, or a measurement failed.
    """
    from livebg.bench.report import as_json, as_markdown

    if arguments.plot is not None and arguments.clips is None:
        raise UsageError("--plot shows quality against processor time; name clips with --clips DIR")
    instead = arguments.soak is not None or arguments.parity
    if arguments.no_speed and arguments.clips is None and not instead:
        raise UsageError("--no-speed leaves nothing to measure; name clips with --clips DIR")
    places = (("--report", arguments.report), ("--plot", arguments.plot))
    check_output_conflicts(
        {"--clip": arguments.clip},
        [Written(option, path) for option, path in places if path is not None],
    )
    with ExitStack() as stack:
        tables = _reserve(arguments.report, stack)
        plot = _reserve(arguments.plot, stack)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="livebg-bench-")))
        report = _measure(arguments, folder)
        if tables is not None:
            tables.write(as_markdown(report).encode())
        if plot is not None:
            plot.write(_plotted(report))
    print((as_json(report) if arguments.json else as_markdown(report)).rstrip())
    return 0


@dataclass(frozen=True, slots=True)
class _Job:
    """What the command line asks for, looked up and checked."""

    presets: list[SubjectPlan]
    recipe: SubjectPlan
    sizes: list[Size]
    effects: dict[str, str]
    clip: Path
    clips: list[Path]
    length: Length

    @property
    def first_effect(self) -> str:
        return next(iter(self.effects))

    @property
    def compared_clips(self) -> list[Path]:
        """The clips on which engines are compared."""
        return self.clips or [self.clip]

    def behind_first(self, plan: SubjectPlan) -> SubjectPlan:
        return plan.behind(self.effects[self.first_effect])


def _job(arguments: argparse.Namespace, folder: Path) -> _Job:
    from livebg.bench.quality import find_clips
    from livebg.bench.speed import RECIPE, Length, SubjectPlan, open_effects
    from livebg.cli.run import fetch_network

    overrides = overrides_from(arguments)
    quick = arguments.quick
    presets = [
        SubjectPlan(name, load_settings(preset=name, environment=os.environ, overrides=overrides))
        for name in arguments.presets
    ]
    recipe = SubjectPlan(RECIPE, load_settings(environment=os.environ, overrides=overrides))
    clips = [] if arguments.clips is None else find_clips(arguments.clips)
    for settings in (*(plan.settings for plan in presets), Settings()):
        fetch_network(settings)
    return _Job(
        presets=presets,
        recipe=recipe,
        sizes=arguments.sizes or ([NAMED_SIZES["720p"]] if quick else list(NAMED_SIZES.values())),
        effects=open_effects(arguments.effects, folder),
        clip=_clip(arguments.clip),
        clips=clips,
        length=Length(arguments.seconds or (QUICK_SECONDS if quick else SECONDS), arguments.frames),
    )


def _measure(arguments: argparse.Namespace, folder: Path) -> Report:
    from livebg.bench.report import Report
    from livebg.bench.tables import describe_machine

    job = _job(arguments, folder)
    soaks, compares = arguments.soak is not None, arguments.parity
    fast = not (soaks or compares or arguments.no_speed)
    return Report(
        machine=describe_machine(),
        settings=_settings(arguments, job),
        speed=_speed(job) if fast else [],
        parity=_parity(job) if compares else [],
        quality=_quality(job) if job.clips and not compares else [],
        soak=_soak(job, arguments.soak * 60) if soaks else None,
    )


def _settings(arguments: argparse.Namespace, job: _Job) -> dict[str, Any]:
    """Return how it is measured, for the report."""
    frames, seconds = job.length.frames, job.length.seconds
    settings: dict[str, Any] = {"threads of the network": job.recipe.settings.threads}
    if arguments.parity:
        from livebg.bench.parity import FRAMES

        settings["preset"] = job.presets[0].name
        settings["clips"] = ", ".join(clip.name for clip in job.compared_clips)
        settings["length"] = f"{frames or FRAMES} frames each"
        return settings | overrides_from(arguments)
    if not arguments.no_speed or arguments.soak is not None:
        settings["clip"] = job.clip.name
    if not arguments.no_speed and arguments.soak is None:
        settings["length"] = f"{seconds:g} s each" if frames is None else f"{frames} frames each"
    if job.clips:
        settings["clips with exact mattes"] = ", ".join(clip.name for clip in job.clips)
    return settings | overrides_from(arguments)


def _speed(job: _Job) -> list[SpeedResult]:
    from livebg.bench.speed import plan_speed
    from livebg.bench.suite import fill_caches, run_speed

    cases = plan_speed(
        job.presets,
        job.recipe,
        sizes=job.sizes,
        effects=job.effects,
        clip=job.clip,
        length=job.length,
    )
    with _progress() as progress:
        progress(0, len(cases), "compiling what is kept on disk")
        fill_caches([job.behind_first(plan) for plan in job.presets], job.sizes[0])
        return run_speed(cases, progress)


def _parity(job: _Job) -> list[ParityResult]:
    from livebg.bench.parity import plan_parity
    from livebg.bench.suite import run_parity

    cases = plan_parity(job.presets[0].settings, job.compared_clips, job.length.frames)
    with _progress() as progress:
        return run_parity(cases, progress)


def _quality(job: _Job) -> list[QualityResult]:
    from livebg.bench.suite import run_quality

    plans = [job.behind_first(plan) for plan in (*job.presets, job.recipe)]
    with _progress() as progress:
        return run_quality(plans, job.clips, progress)


def _soak(job: _Job, seconds: float) -> SoakResult:
    from livebg.bench.soak import Soak, SoakCase
    from livebg.bench.suite import fill_caches
    from livebg.cli.console import stop_on_signals
    from livebg.cli.status_line import StatusLine
    from livebg.clock import MonotonicClock

    plan = job.behind_first(job.presets[0])
    soak = Soak(SoakCase(plan, job.first_effect, job.sizes[0], job.clip, seconds))
    line = StatusLine(MonotonicClock())
    try:
        line.update("compiling what is kept on disk")
        fill_caches([plan], job.sizes[0])
        with stop_on_signals(soak.stop):
            return soak.run(lambda: line.update(f"soaking: {soak.frames} frames"))
    finally:
        line.clear()


@contextmanager
def _progress() -> Iterator[Progress]:
    """Give a callback that shows on a terminal what is measured while the block runs."""
    from livebg.cli.status_line import StatusLine
    from livebg.clock import MonotonicClock

    line = StatusLine(MonotonicClock())
    try:
        yield lambda done, total, what: line.update(f"measuring {done + 1} of {total}: {what}")
    finally:
        line.clear()


def _clip(given: Path | None) -> Path:
    """Return the clip to measure speed on, which can be opened: that of the demo by default."""
    from livebg.bench.speed import open_clip
    from livebg.cli.console import download_progress
    from livebg.sources.demo_clip import ensure_demo_clip

    if given is None:
        with download_progress() as progress:
            return ensure_demo_clip(progress)
    open_clip(given).close()
    return given


def _plotted(report: Report) -> bytes:
    from livebg.bench.plot import PlotPoint, quality_plot
    from livebg.bench.speed import RECIPE

    released = "RVM as released"
    points = [
        PlotPoint(released, r.cpu_ms, r.scores.mad, is_baseline=True)
        if r.subject == RECIPE
        else PlotPoint(r.subject, r.cpu_ms, r.scores.mad, is_baseline=False)
        for r in report.quality
    ]
    return quality_plot(points).encode()


def _reserve(path: Path | None, stack: ExitStack) -> PartialFile | None:
    """Make sure before anything is measured that ``path`` can be written."""
    from livebg.atomic import PartialFile

    if path is None:
        return None
    return stack.enter_context(PartialFile(path))
