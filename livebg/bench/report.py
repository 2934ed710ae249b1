"""Results of ``livebg bench`` as Markdown tables, as JSON and as a plot."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from io import BytesIO
from itertools import chain
from typing import Any

import cv2

from livebg import __version__
from livebg.bench.parity import REFERENCE, ParityResult
from livebg.bench.quality import QualityResult
from livebg.bench.soak import SoakResult
from livebg.bench.speed import SpeedResult, size_name
from livebg.bench.subjects import COPY, RECIPE
from livebg.errors import UsageError
from livebg.segmenters.openvino_compile import openvino_core, resolve_precision

__all__ = [
    "SCHEMA",
    "Machine",
    "Report",
    "as_json",
    "as_markdown",
    "describe_machine",
    "drawn_plot",
    "require_matplotlib",
]

SCHEMA = 1
"""Version of the JSON; it grows when a key changes its meaning."""

_PACKAGES = ("openvino", "numpy", "numba")

_SPEED_NOTES = (
    f"{RECIPE}: Robust Video Matting as released on every frame, blended by numpy in float32. "
    f"{COPY}: the frame is copied and nothing else. less than recipe: how many times less "
    "processor time. copies: processor time in copies of the frame. p50, p95, p99: time per frame, "
    "ms. inferred: share of the frames that the network saw. peak: memory of the process, the clip "
    "not counted."
)
_QUALITY_NOTES = (
    "Lower is better. MAD: mean absolute error x 1e3. MSE: mean squared error x 1e3. Grad: summed "
    "squared error of the gradient / 1e3. dtSSD: change of the error from frame to frame x 1e2."
)
_PARITY_NOTES = (
    "Mean difference of alpha in 0..1, x 1e3, at full size; worst: of the clip that is farthest "
    "off. carried: the network sees every third frame, and mattes are carried to those between by "
    "optical flow. limit: what livebg promises for `every frame`; int8 computes something coarser "
    "on purpose, and promises its quality instead."
)


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine and the software on it.

    Attributes:
        cores: processors that this process may use.
        capabilities: arithmetic of the processor that OpenVINO can use.
        precision: default arithmetic of a network: ``bf16`` or ``f32``.
        versions: of livebg, Python and the packages that do the work, by name.
    """

    processor: str
    cores: int
    system: str
    capabilities: tuple[str, ...]
    precision: str
    versions: dict[str, str]


@dataclass(frozen=True, slots=True)
class Report:
    """All measurements of one run."""

    machine: Machine
    settings: dict[str, Any]
    speed: Sequence[SpeedResult] = ()
    quality: Sequence[QualityResult] = ()
    soak: SoakResult | None = None
    parity: Sequence[ParityResult] = ()


def describe_machine() -> Machine:
    """Return the facts of this machine."""
    core = openvino_core()
    affinity = getattr(os, "sched_getaffinity", None)
    return Machine(
        processor=core.get_property("CPU", "FULL_DEVICE_NAME").strip(),
        cores=len(affinity(0)) if affinity else os.cpu_count() or 1,
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        capabilities=tuple(sorted(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"))),
        precision=resolve_precision("CPU", "auto"),
        versions={
            "livebg": __version__,
            "Python": platform.python_version(),
            "OpenCV": cv2.__version__,
            **{name: _version(name) for name in _PACKAGES},
        },
    )


def as_json(report: Report) -> str:
    """Return ``report`` as a JSON object; its keys are those of the dataclasses."""
    return json.dumps({"schema": SCHEMA, **asdict(report)}, indent=2, ensure_ascii=False)


def as_markdown(report: Report) -> str:
    """Return ``report`` as Markdown whose tables are aligned, to be read as plain text too."""
    lines = ["## livebg bench", "", *_about(report)]
    for title, table, notes in _sections(report):
        lines += ["", f"### {title}", "", *table, *(["", notes] if notes else [])]
    return "\n".join(lines) + "\n"


def _about(report: Report) -> Iterator[str]:
    machine = report.machine
    cores = "1 core" if machine.cores == 1 else f"{machine.cores} cores"
    yield f"- machine: {machine.processor}, {cores}, {machine.system}"
    capabilities = ", ".join(machine.capabilities)
    yield f"- arithmetic: {machine.precision} by default (OpenVINO: {capabilities})"
    yield "- versions: " + ", ".join(f"{name} {v}" for name, v in machine.versions.items())
    for name, value in report.settings.items():
        yield f"- {name}: {value}"


def _sections(report: Report) -> Iterator[tuple[str, list[str], str]]:
    """Yield the title, the table and the notes of everything that was measured."""
    if report.speed:
        yield "Processor time per frame, ms", _overview(report.speed), ""
        yield "Speed, from memory to a null sink", _speed(report.speed), _SPEED_NOTES
        yield "Where the time goes, ms elapsed per frame", _stages(report.speed), ""
    if report.quality:
        yield "Quality, on clips with exact mattes", _quality(report.quality), _QUALITY_NOTES
        yield "Quality by clip: MAD, dtSSD", _by_clip(report.quality), ""
    if report.parity:
        title = f"Parity: mattes beside those of {REFERENCE.device} in {REFERENCE.precision}"
        yield title, _parity(report.parity), _PARITY_NOTES
    if report.soak is not None:
        yield "Soak: a live session fed as fast as it takes frames", _soak(report.soak), ""


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]], words: int = 1) -> list[str]:
    """Return the lines of a Markdown table; its first ``words`` columns are aligned to the left."""
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    rule = ["-" * width if n < words else "-" * (width - 1) + ":" for n, width in enumerate(widths)]
    return [
        "| " + " | ".join(
            text.ljust(width) if n < words else text.rjust(width)
            for n, (text, width) in enumerate(zip(row, widths, strict=True))
        ) + " |"
        for row in (columns, rule, *rows)
    ]  # fmt: skip


def _overview(results: Sequence[SpeedResult]) -> list[str]:
    """Return a row per subject and a column per size and effect."""
    heads = list(dict.fromkeys((r.size, r.effect) for r in results if r.effect))
    cpu = {(r.subject, r.size, r.effect): r.cpu_ms for r in results}
    rows = []
    for subject in dict.fromkeys(r.subject for r in results):
        times = [cpu.get((subject, s, e), cpu.get((subject, s, ""))) for s, e in heads]
        rows.append([subject, *("" if ms is None else _ms(ms) for ms in times)])
    return _table(["what", *(f"{size_name(s)} {e}" for s, e in heads)], rows)


def _speed(results: Sequence[SpeedResult]) -> list[str]:
    cpu = {(r.subject, r.size, r.effect): r.cpu_ms for r in results}
    rows = []
    for r in results:
        recipe_ms, copy_ms = cpu.get((RECIPE, r.size, r.effect)), cpu.get((COPY, r.size, ""))
        rows.append(
            [
                *(size_name(r.size), r.effect, r.subject, f"{r.fps:.1f}", _ms(r.cpu_ms)),
                "" if recipe_ms is None else f"{recipe_ms / r.cpu_ms:.1f}x",
                "" if copy_ms is None else f"{r.cpu_ms / copy_ms:.1f}",
                *map(_ms, (r.p50_ms, r.p95_ms, r.p99_ms)),
                "" if r.subject == COPY else _share(r.inferred_share),
                "" if r.peak_mib is None else f"{r.peak_mib:.0f} MiB",
            ]
        )
    columns = ["size", "effect", "what", "frames/s", "CPU ms/frame", "less than recipe", "copies"]
    return _table([*columns, "p50", "p95", "p99", "inferred", "peak"], rows, words=3)


def _stages(results: Sequence[SpeedResult]) -> list[str]:
    staged = [r for r in results if r.stage_ms]
    stages = list(dict.fromkeys(chain.from_iterable(r.stage_ms for r in staged)))
    rows = [
        [
            *(size_name(r.size), r.effect, r.subject),
            "" if r.input_size is None else f"{r.input_size[0]}x{r.input_size[1]}",
            r.engine,
            *(_ms(r.stage_ms[stage]) if stage in r.stage_ms else "" for stage in stages),
        ]
        for r in staged
    ]
    return _table(["size", "effect", "what", "network sees", "engine", *stages], rows, words=5)


def _quality(results: Sequence[QualityResult]) -> list[str]:
    rows = [
        [
            r.subject,
            *(f"{r.scores.mad:.2f}", f"{r.scores.mse:.2f}"),
            *(f"{r.scores.grad:.3f}", f"{r.scores.dtssd:.2f}"),
            *(_ms(r.cpu_ms), _share(r.inferred_share)),
        ]
        for r in results
    ]
    return _table(["what", "MAD", "MSE", "Grad", "dtSSD", "CPU ms/frame", "inferred"], rows)


def _by_clip(results: Sequence[QualityResult]) -> list[str]:
    rows = [
        [r.subject, *(f"{c.scores.mad:.2f}, {c.scores.dtssd:.2f}" for c in r.clips)]
        for r in results
    ]
    return _table(["what", *(clip.clip for clip in results[0].clips)], rows)


def _parity(results: Sequence[ParityResult]) -> list[str]:
    rows = []
    for r in results:
        means = (r.inferred, r.inferred_worst, r.carried, r.carried_worst)
        promise = ("", "")
        if r.limit is not None:
            promise = (f"{r.limit * 1e3:g}", "yes" if r.inferred_worst <= r.limit else "no")
        numbers = (f"{mean * 1e3:.2f}" for mean in means)
        rows.append([r.engine.device, r.engine.precision, *numbers, *promise])
    columns = ["device", "precision", "every frame", "worst", "carried", "worst", "limit", "kept"]
    return _table(columns, rows, words=2)


def _soak(result: SoakResult) -> list[str]:
    rows = [
        ("time", f"{result.minutes:.1f} minutes"),
        ("frames", f"{result.frames}"),
        ("frames dropped", f"{result.dropped}"),
        ("frames failed", f"{result.failed}"),
        ("memory at the start, clip included", _mib(result.first_mib)),
        ("memory at the end, clip included", _mib(result.last_mib)),
        ("growth per 10,000 frames", _mib(result.growth_mib)),
        ("threads, least and most", f"{result.least_threads}, {result.most_threads}"),
        ("ended", result.ended),
    ]
    return _table(["", f"{result.subject}, {size_name(result.size)}, {result.effect}"], rows)


def _mib(mib: float | None) -> str:
    return "unknown" if mib is None else f"{mib:.1f} MiB"


def _ms(ms: float) -> str:
    return f"{ms:.2f}" if ms < 10 else f"{ms:.1f}"


def _share(share: float) -> str:
    return f"{100 * share:.0f} %"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"


def require_matplotlib() -> None:
    """Raise a UsageError where matplotlib is missing, which only the plot needs."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise UsageError(
            "--plot needs matplotlib, install it with: pip install 'livebg[plot]'"
        ) from error


def drawn_plot(points: Mapping[str, tuple[float, float]]) -> bytes:
    """Return a plot of error against processor time, on a logarithmic axis, as an SVG document.

    Args:
        points: milliseconds of processor time per frame, and mean absolute error x 1e3, by the
            subject's name; at least one. All but the float recipe are joined by a line.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator

    # Text stays text, and the same points give the same file.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "livebg", "font.size": 11}):
        figure = Figure(figsize=(8.8, 4.7), layout="constrained")
        axes = figure.subplots()
        ours = sorted(point for name, point in points.items() if name != RECIPE)
        axes.plot(*zip(*ours, strict=True), "o-", color="#0b67c2", markersize=9)
        for name, (cpu_ms, mad) in points.items():
            shown, colour = name, "#0b67c2"
            if name == RECIPE:
                shown, colour = "RVM as released", "#d1502f"
                axes.plot(cpu_ms, mad, "o", color=colour, markersize=9)
            axes.annotate(
                f"{shown}\n{cpu_ms:.3g} ms, error {mad:.2f}",
                (cpu_ms, mad),
                xytext=(10, 6),
                textcoords="offset points",
                color=colour,
            )
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter("")
        times_ms, mads = zip(*points.values(), strict=True)
        axes.set_xlim(min(times_ms) / 1.4, max(times_ms) * 2.4)  # the names are on the right
        axes.set_ylim(0, 1.2 * max(mads) or 1.0)
        axes.set(xlabel="processor time per frame in ms", ylabel="mean absolute error x 1000")
        axes.grid(alpha=0.3)
        document = BytesIO()
        figure.savefig(document, format="svg", metadata={"Date": None})
        return document.getvalue()
