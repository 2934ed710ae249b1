"""The measurements as Markdown tables and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from livebg.bench.parity import ParityResult, parity_lines
from livebg.bench.quality import QualityResult
from livebg.bench.soak import SoakResult
from livebg.bench.speed import COPY, RECIPE, SpeedResult, size_name
from livebg.bench.tables import Machine, Table, ms_text, share_text

__all__ = ["SCHEMA", "Report", "as_json", "as_markdown"]

SCHEMA = 1
"""Version of the JSON; it grows when a key changes its meaning."""


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that one run measured.

    Attributes:
        machine: what it was measured on.
        settings: how it was measured, by name.
        speed: from memory to a null sink.
        quality: on clips with exact mattes.
        soak: of a long live session, or None.
        parity: how far engines are apart.
    """

    machine: Machine
    settings: dict[str, Any]
    speed: Sequence[SpeedResult] = ()
    quality: Sequence[QualityResult] = ()
    soak: SoakResult | None = None
    parity: Sequence[ParityResult] = ()


def as_json(report: Report) -> str:
    """Return ``report`` as a JSON object; its keys are those of the dataclasses."""
    return json.dumps({"schema": SCHEMA, **asdict(report)}, indent=2, ensure_ascii=False)


def as_markdown(report: Report) -> str:
    """Return ``report`` as Markdown whose tables are aligned, to be read as plain text too."""
    lines = ["## livebg bench", "", *_about(report)]
    if report.speed:
        lines += ["", "### Processor time per frame, ms", "", *_overview(report.speed).lines()]
        lines += ["", "### Speed, from memory to a null sink", "", *_speed(report.speed).lines()]
        lines += ["", *_SPEED_NOTES]
        lines += [
            "",
            "### Where the time goes, ms elapsed per frame",
            "",
            *_stages(report.speed).lines(),
        ]
    if report.quality:
        lines += ["", "### Quality, on clips with exact mattes", ""]
        lines += [*_quality(report.quality).lines(), "", *_QUALITY_NOTES]
        lines += ["", "### Quality by clip: MAD, dtSSD", "", *_by_clip(report.quality).lines()]
    if report.parity:
        lines += ["", *parity_lines(report.parity)]
    if report.soak is not None:
        lines += ["", "### Soak: a live session fed as fast as it takes frames", ""]
        lines += [*_soak(report.soak).lines()]
    return "\n".join(lines) + "\n"


_SPEED_NOTES = (
    f"{RECIPE}: Robust Video Matting as released on every frame, blended by numpy in float32. "
    f"{COPY}: the frame is copied and nothing else. less than recipe: how many times less "
    "processor time. copies: processor time in copies of the frame. p50, p95, p99: time per frame, "
    "ms. inferred: share of the frames that the network saw. peak: memory of the process, the clip "
    "not counted.",
)

_QUALITY_NOTES = (
    "Lower is better. MAD: mean absolute error x 1e3. MSE: mean squared error x 1e3. Grad: summed "
    "squared error of the gradient / 1e3. dtSSD: change of the error from frame to frame x 1e2.",
)


def _about(report: Report) -> Iterator[str]:
    machine = report.machine
    cores = "1 core" if machine.cores == 1 else f"{machine.cores} cores"
    yield f"- machine: {machine.processor}, {cores}, {machine.system}"
    capabilities = ", ".join(machine.capabilities)
    yield f"- arithmetic: {machine.precision} by default (OpenVINO: {capabilities})"
    yield "- versions: " + ", ".join(f"{name} {v}" for name, v in machine.versions.items())
    for name, value in report.settings.items():
        yield f"- {name}: {value}"


def _overview(results: Sequence[SpeedResult]) -> Table:
    """Return a row per subject and a column per size and effect."""
    heads = list(dict.fromkeys((r.size, r.effect) for r in results if r.effect))
    cpu = {(r.subject, r.size, r.effect): r.cpu_ms for r in results}
    rows = []
    for subject in dict.fromkeys(r.subject for r in results):
        times = [cpu.get((subject, s, e), cpu.get((subject, s, ""))) for s, e in heads]
        rows.append((subject, *("" if ms is None else ms_text(ms) for ms in times)))
    return Table(("what", *(f"{size_name(s)} {e}" for s, e in heads)), rows, words=1)


def _speed(results: Sequence[SpeedResult]) -> Table:
    cpu = {(r.subject, r.size, r.effect): r.cpu_ms for r in results}
    rows = []
    for r in results:
        recipe_ms, copy_ms = cpu.get((RECIPE, r.size, r.effect)), cpu.get((COPY, r.size, ""))
        rows.append(
            (
                size_name(r.size),
                r.effect,
                r.subject,
                f"{r.fps:.1f}",
                ms_text(r.cpu_ms),
                "" if recipe_ms is None else f"{recipe_ms / r.cpu_ms:.1f}x",
                "" if copy_ms is None else f"{r.cpu_ms / copy_ms:.1f}",
                ms_text(r.p50_ms),
                ms_text(r.p95_ms),
                ms_text(r.p99_ms),
                "" if r.subject == COPY else share_text(r.inferred_share),
                "" if r.peak_mib is None else f"{r.peak_mib:.0f} MiB",
            )
        )
    columns = ("size", "effect", "what", "frames/s", "CPU ms/frame", "less than recipe", "copies")
    return Table((*columns, "p50", "p95", "p99", "inferred", "peak"), rows, words=3)


def _stages(results: Sequence[SpeedResult]) -> Table:
    staged = [r for r in results if r.stage_ms]
    stages = list(dict.fromkeys(stage for r in staged for stage in r.stage_ms))
    rows = [
        (
            size_name(r.size),
            r.effect,
            r.subject,
            "" if r.input_size is None else f"{r.input_size[0]}x{r.input_size[1]}",
            r.engine,
            *(ms_text(r.stage_ms[stage]) if stage in r.stage_ms else "" for stage in stages),
        )
        for r in staged
    ]
    return Table(("size", "effect", "what", "network sees", "engine", *stages), rows, words=5)


def _quality(results: Sequence[QualityResult]) -> Table:
    rows = [
        (
            r.subject,
            f"{r.scores.mad:.2f}",
            f"{r.scores.mse:.2f}",
            f"{r.scores.grad:.3f}",
            f"{r.scores.dtssd:.2f}",
            ms_text(r.cpu_ms),
            share_text(r.inferred_share),
        )
        for r in results
    ]
    return Table(("what", "MAD", "MSE", "Grad", "dtSSD", "CPU ms/frame", "inferred"), rows, words=1)


def _by_clip(results: Sequence[QualityResult]) -> Table:
    clips = [clip.clip for clip in results[0].clips]
    rows = [
        (r.subject, *(f"{c.scores.mad:.2f}, {c.scores.dtssd:.2f}" for c in r.clips))
        for r in results
    ]
    return Table(("what", *clips), rows, words=1)


def _soak(result: SoakResult) -> Table:
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
    return Table(
        ("", f"{result.subject}, {size_name(result.size)}, {result.effect}"), rows, words=1
    )


def _mib(mib: float | None) -> str:
    return "unknown" if mib is None else f"{mib:.1f} MiB"
