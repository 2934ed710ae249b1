"""A whole recording in one call."""

from __future__ import annotations

from pathlib import Path

from livebg.frame import Composite, Image
from livebg.sinks.recorder import Recorder
from tests.support.clips import RATE

MS = 1_000_000


def record(
    path: Path,
    images: list[Image],
    *,
    times_ms: list[float] | None = None,
    transparent: bool = False,
    audio_from: Path | None = None,
    live: bool = False,
) -> Path:
    times = [float(1000 * n / RATE) for n in range(len(images))] if times_ms is None else times_ms
    size = (images[0].shape[1], images[0].shape[0])
    with Recorder(
        path,
        size=size,
        frame_rate=RATE,
        transparent=transparent,
        audio_from=audio_from,
        live=live,
    ) as recorder:
        for index, (image, time) in enumerate(zip(images, times, strict=True)):
            recorder.send(Composite(image, index, round(time * MS)))
    return path
