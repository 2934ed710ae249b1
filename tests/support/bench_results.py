"""Made-up results of measurements, the tables printed of them, and a synthetic clip."""

from __future__ import annotations

from pathlib import Path

import cv2

from livebg.bench.quality import ClipQuality, MatteScores, QualityResult, mean_quality
from livebg.bench.report import Machine
from livebg.bench.soak import SoakResult
from livebg.bench.speed import SpeedResult
from livebg.frame import Size
from tests.support.scenes import SyntheticScene

MACHINE = Machine(
    processor="Some Processor",
    cores=4,
    system="Linux 6.1 x86_64",
    capabilities=("BF16", "FP32"),
    precision="bf16",
    versions={"livebg": "0.1.0", "numpy": "2.0"},
)

SOAK = SoakResult(
    subject="fast",
    effect="blur",
    size=(1280, 720),
    minutes=5.0,
    frames=30_000,
    dropped=1,
    failed=0,
    first_mib=400.0,
    last_mib=401.0,
    growth_mib=0.3,
    least_threads=14,
    most_threads=15,
    ended="time is up",
)


def speed(
    subject: str,
    cpu_ms: float,
    effect: str = "picture",
    size: Size = (1280, 720),
    stage_ms: dict[str, float] | None = None,
) -> SpeedResult:
    return SpeedResult(
        subject=subject,
        effect=effect,
        size=size,
        engine="openvino CPU bf16" if stage_ms else "",
        input_size=(256, 144) if stage_ms else None,
        frames=100,
        fps=1e3 / cpu_ms,
        cpu_ms=cpu_ms,
        p50_ms=cpu_ms,
        p95_ms=2 * cpu_ms,
        p99_ms=3 * cpu_ms,
        stage_ms=stage_ms or {},
        inferred_share=0.25,
        peak_mib=300.0,
    )


def quality(subject: str, mad: float, cpu_ms: float) -> QualityResult:
    clips = [
        ClipQuality(name, 90, MatteScores(mad, 1.0, 0.5, 2.0), cpu_ms, 0.25)
        for name in ("sway", "still")
    ]
    return mean_quality(subject, clips)


def rows(markdown: str, heading: str) -> list[list[str]]:
    """The cells of the first table below ``heading``, the header first, its rule left out."""
    below = markdown.split(f"### {heading}", 1)[1].split("###", 1)[0]
    lines = [line for line in below.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [cells[0], *cells[2:]]


def write_scene(folder: Path, *, frames: int = 4, size: Size = (160, 96), seed: int = 0) -> Path:
    """Write a synthetic scene as pictures with their exact mattes, as ``--clips`` wants it."""
    folder.mkdir(parents=True)
    with SyntheticScene(size, frame_count=frames, seed=seed) as scene:
        for frame in scene:
            cv2.imwrite(str(folder / f"frame_{frame.index:04d}.png"), frame.image)
            truth = scene.truth(frame.index)
            cv2.imwrite(str(folder / f"alpha_{frame.index:04d}.png"), truth)
    return folder
