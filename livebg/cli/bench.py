"""``livebg bench``: measure speed and quality on this machine."""

from __future__ import annotations

import argparse
import math
import os
import re
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from livebg.cli.conflicts import check_output_conflicts, named_outputs
from livebg.cli.options import add_overrides, overrides_from
from livebg.config.load import load_settings
from livebg.config.settings import SETTINGS, Settings
from livebg.errors import UsageError
from livebg.frame import Size

if TYPE_CHECKING:
    from livebg.atomic import PartialFile
    from livebg.bench.isolation import Progress
    from livebg.bench.parity import ParityResult
    from livebg.bench.quality import QualityResult
    from livebg.bench.report import Report
    from livebg.bench.soak import SoakResult
    from livebg.bench.speed import Length, SpeedResult
    from livebg.bench.subjects import SubjectPlan
    from livebg.cli.status_line import StatusLine

__all__ = ["add_parser", "run"]

_SECONDS = 4.0
"""Length of one measurement."""

_QUICK_SECONDS = 1.5
"""The same with ``--quick``."""

_SIZE = re.compile(r"(\d{2,4})x(\d{2,4})")
_LEAST_SIDE, _LARGEST_SIDE = 64, 8192

_LONGEST = 1_000_000
"""Seconds or minutes that a measurement may last."""

_NOT_MEASURED = frozenset({"camera", "size", "fps", "mirror", "max_matte_age_s", "background"})
"""Settings of the camera and of the live session, and the one that --effects chooses."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the parser of ``livebg bench`` and set its ``run``."""
    parser = subparsers.add_parser(
        "bench",
        help="measure speed and quality",
        description="Measure presets from memory to a null sink, each in a process of its own, "
        "beside two baselines: Robust Video Matting as released with float blending, and a copy "
        "of the frame. With --clips, measure the quality of their mattes too.",
    )
    _add_subjects(parser)
    _add_lengths(parser)
    _add_outputs(parser)
    add_overrides(parser, [name for name in SETTINGS if name not in _NOT_MEASURED])
    parser.set_defaults(run=run)


def _add_subjects(parser: argparse.ArgumentParser) -> None:
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
        default="picture,blur",
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


def _add_lengths(parser: argparse.ArgumentParser) -> None:
    length = parser.add_mutually_exclusive_group()
    length.add_argument(
        "--seconds",
        type=_positive,
        metavar="N",
        help=f"how long to measure each case (default {_SECONDS:g})",
    )
    length.add_argument(
        "--frames", type=_count, metavar="N", help="how many frames to measure of each case instead"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help=f"720p only, {_QUICK_SECONDS:g} seconds each: done within a minute",
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
        help="draw quality against processor time; needs --clips, and matplotlib",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")


def _words(text: str) -> list[str]:
    words = list(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    if not words:
        raise argparse.ArgumentTypeError("name one or more, separated by commas")
    return words


def _effects(text: str) -> list[str]:
    from livebg.bench.speed import EFFECTS

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
    from livebg.bench.speed import NAMED_SIZES

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
    if not 0 < number <= _LONGEST:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0, up to {_LONGEST}")
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


def run(arguments: argparse.Namespace) -> int:
    """Run ``livebg bench`` and return its exit status."""
    from livebg.bench.report import as_json, as_markdown, drawn_plot

    _check(arguments)
    with ExitStack() as stack:
        tables = _reserve(arguments.report, stack)
        plot = _reserve(arguments.plot, stack)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="livebg-bench-")))
        report = _measure(_plan(arguments, folder))
        if tables is not None:
            tables.write(as_markdown(report).encode())
        if plot is not None:
            points = {r.subject: (r.cpu_ms, r.scores.mad) for r in report.quality}
            plot.write(drawn_plot(points))
    print((as_json(report) if arguments.json else as_markdown(report)).rstrip())
    return 0


def _check(arguments: argparse.Namespace) -> None:
    """Refuse what cannot be done, before anything is measured."""
    from livebg.bench.report import require_matplotlib

    if arguments.plot is not None and arguments.clips is None:
        raise UsageError("--plot shows quality against processor time; name clips with --clips DIR")
    instead = arguments.soak is not None or arguments.parity
    if arguments.no_speed and arguments.clips is None and not instead:
        raise UsageError("--no-speed leaves nothing to measure; name clips with --clips DIR")
    check_output_conflicts(
        {"--clip": arguments.clip},
        named_outputs(("--report", arguments.report, None), ("--plot", arguments.plot, None)),
    )
    if arguments.plot is not None:
        require_matplotlib()


def _reserve(path: Path | None, stack: ExitStack) -> PartialFile | None:
    """Make sure that ``path`` can be written."""
    from livebg.atomic import PartialFile

    if path is None:
        return None
    return stack.enter_context(PartialFile(path))


@dataclass(frozen=True, slots=True)
class _Plan:
    """The measurements that the command line asks for, looked up and checked."""

    arguments: argparse.Namespace
    presets: list[SubjectPlan]
    recipe: SubjectPlan
    sizes: list[Size]
    effects: dict[str, str]
    clip: Path
    clips: list[Path]
    length: Length

    @property
    def compared_clips(self) -> list[Path]:
        """The clips on which engines are compared."""
        return self.clips or [self.clip]

    def behind_first(self, plan: SubjectPlan) -> SubjectPlan:
        """Return ``plan`` with the background of the first effect."""
        return plan.behind(next(iter(self.effects.values())))


def _plan(arguments: argparse.Namespace, folder: Path) -> _Plan:
    from livebg.bench.quality import find_clips
    from livebg.bench.speed import NAMED_SIZES, Length, open_effects
    from livebg.bench.subjects import RECIPE, SubjectPlan
    from livebg.cli.run import fetch_network

    quick, overrides = arguments.quick, overrides_from(arguments)
    presets = [
        SubjectPlan(name, load_settings(preset=name, environment=os.environ, overrides=overrides))
        for name in arguments.presets
    ]
    recipe = SubjectPlan(RECIPE, load_settings(environment=os.environ, overrides=overrides))
    clips = [] if arguments.clips is None else find_clips(arguments.clips)
    for settings in (*(plan.settings for plan in presets), Settings()):
        fetch_network(settings)
    seconds = arguments.seconds or (_QUICK_SECONDS if quick else _SECONDS)
    return _Plan(
        arguments=arguments,
        presets=presets,
        recipe=recipe,
        sizes=arguments.sizes or ([NAMED_SIZES["720p"]] if quick else list(NAMED_SIZES.values())),
        effects=open_effects(arguments.effects, folder),
        clip=_clip(arguments.clip),
        clips=clips,
        length=Length(seconds, arguments.frames),
    )


def _clip(given: Path | None) -> Path:
    """Return the clip to measure speed on, which can be opened: that of the demo by default."""
    from livebg.bench.speed import open_clip
    from livebg.cli.demo import fetch_demo_clip

    if given is None:
        return fetch_demo_clip()
    open_clip(given).close()
    return given


def _measure(plan: _Plan) -> Report:
    from livebg.bench.report import Report, describe_machine
    from livebg.cli.status_line import StatusLine
    from livebg.clock import MonotonicClock

    arguments = plan.arguments
    soaks, compares = arguments.soak is not None, arguments.parity
    line = StatusLine(MonotonicClock())

    def progress(done: int, total: int, name: str) -> None:
        line.update(f"measuring {done + 1} of {total}: {name}")

    try:
        return Report(
            machine=describe_machine(),
            settings=_conditions(plan),
            speed=[] if soaks or compares or arguments.no_speed else _speed(plan, progress),
            parity=_parity(plan, progress) if compares else [],
            quality=_quality(plan, progress) if plan.clips and not compares else [],
            soak=_soak(plan, line) if soaks else None,
        )
    finally:
        line.clear()


def _conditions(plan: _Plan) -> dict[str, Any]:
    """Return how it is measured, for the report."""
    from livebg.bench.parity import FRAMES

    arguments, frames = plan.arguments, plan.length.frames
    conditions: dict[str, Any] = {"threads of the network": plan.recipe.settings.threads}
    if arguments.parity:
        conditions["preset"] = plan.presets[0].name
        conditions["clips"] = _names(plan.compared_clips)
        conditions["length"] = f"{frames or FRAMES} frames each"
    else:
        if arguments.soak is not None or not arguments.no_speed:
            conditions["clip"] = plan.clip.name
        if arguments.soak is None and not arguments.no_speed:
            each = f"{plan.length.seconds:g} s" if frames is None else f"{frames} frames"
            conditions["length"] = f"{each} each"
        if plan.clips:
            conditions["clips with exact mattes"] = _names(plan.clips)
    return conditions | overrides_from(arguments)


def _speed(plan: _Plan, progress: Progress) -> list[SpeedResult]:
    from livebg.bench.isolation import run_each, run_isolated
    from livebg.bench.speed import measure_speed, plan_speed
    from livebg.bench.subjects import fill_caches

    cases = plan_speed(
        [*plan.presets, plan.recipe],
        sizes=plan.sizes,
        effects=plan.effects,
        clip=plan.clip,
        length=plan.length,
    )
    progress(0, len(cases), "compiling what is kept on disk")
    run_isolated(fill_caches, [plan.behind_first(each) for each in plan.presets], plan.sizes[0])
    return run_each(measure_speed, cases, progress)


def _parity(plan: _Plan, progress: Progress) -> list[ParityResult]:
    from livebg.bench.isolation import run_each
    from livebg.bench.parity import mean_parity, measure_parity, plan_parity

    cases = plan_parity(plan.presets[0].settings, plan.compared_clips, plan.length.frames)
    return mean_parity(run_each(measure_parity, cases, progress))


def _quality(plan: _Plan, progress: Progress) -> list[QualityResult]:
    from livebg.bench.isolation import run_each
    from livebg.bench.quality import QualityCase, mean_quality, measure_quality

    subjects = [plan.behind_first(each) for each in (*plan.presets, plan.recipe)]
    cases = [QualityCase(each, clip) for each in subjects for clip in plan.clips]
    measured = iter(run_each(measure_quality, cases, progress))
    return [mean_quality(each.name, [next(measured) for _ in plan.clips]) for each in subjects]


def _soak(plan: _Plan, line: StatusLine) -> SoakResult:
    from livebg.bench.isolation import run_isolated
    from livebg.bench.soak import Soak, SoakCase
    from livebg.bench.subjects import fill_caches
    from livebg.cli.console import stop_on_signals

    subject, effect = plan.behind_first(plan.presets[0]), next(iter(plan.effects))
    seconds = plan.arguments.soak * 60
    soak = Soak(SoakCase(subject, effect, plan.sizes[0], plan.clip, seconds))
    line.update("compiling what is kept on disk")
    run_isolated(fill_caches, [subject], plan.sizes[0])
    with stop_on_signals(soak.stop):
        return soak.run(lambda: line.update(f"soaking: {soak.frames} frames"))


def _names(clips: list[Path]) -> str:
    return ", ".join(clip.name for clip in clips)
