"""The tables of ``livebg bench`` on a torch device."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from livebg.bench.device_work import DeviceWork
from livebg.bench.sizes import NAMED_SIZES, size_name
from livebg.bench.speed import SpeedResult
from livebg.bench.subjects import COPY, RECIPE
from livebg.bench.table import Table, ms_text, share_text
from livebg.types import Size

__all__ = ["device_lines"]

_PAPER = "RVM's paper: GTX 1080 Ti, f32"
_PAPER_FPS = {NAMED_SIZES["1080p"]: 104.0, NAMED_SIZES["4K"]: 76.0}
"""Lin et al. 2022, "Robust High-Resolution Video Matting with Temporal Guidance"."""

_NOTES = (
    "The network alone, its pictures on the device already. GFLOP: operations of convolutions and "
    "matrix products, counted; a multiplication and an addition are two. MB: what all its "
    "operations read and write, counted one by one, so that caches and fused operations can carry "
    "a network beyond the memory's own speed. Stage times above are the device's own where it is "
    "CUDA: between events on its streams.",
)

_PAPER_NOTES = (
    "The paper's are of its network with its refiner, frames and mattes staying on the card. Ours "
    "with an effect take each frame from memory, filter and compose it and bring it back before "
    "the next one begins.",
)


def device_lines(work: Sequence[DeviceWork], speed: Sequence[SpeedResult]) -> Iterator[str]:
    """Return what the device did, and frame rates beside those of RVM's paper, line by line.

    Args:
        work: of the networks alone.
        speed: of the whole chains, as far as they were measured.
    """
    yield "### What the network asks of the device, per picture"
    yield ""
    yield from _work(work).lines()
    yield ""
    yield from _NOTES
    for device, source in dict.fromkeys((w.device, w.peaks_from) for w in work):
        yield f"Peaks of {device}: {source or 'unknown'}."
    yield ""
    yield "### Frames per second beside Robust Video Matting's paper"
    yield ""
    yield from _rates(work, speed).lines()
    yield ""
    yield from _PAPER_NOTES


def _work(work: Sequence[DeviceWork]) -> Table:
    rows = [
        (
            size_name(w.size),
            w.subject,
            f"{w.input_size[0]}x{w.input_size[1]}",
            w.engine,
            ms_text(w.network_ms),
            f"{w.gflop:.2f}",
            f"{w.gflop_per_s:.0f}",
            _share_of(w.gflop_per_s, w.peak_gflop_per_s),
            f"{w.traffic_mb:.0f}",
            f"{w.gb_per_s:.1f}",
            _share_of(w.gb_per_s, w.peak_gb_per_s),
        )
        for w in work
    ]
    columns = ("size", "what", "network sees", "engine", "ms", "GFLOP", "GFLOP/s", "of peak")
    return Table((*columns, "MB", "GB/s", "of peak"), rows, words=4)


def _rates(work: Sequence[DeviceWork], speed: Sequence[SpeedResult]) -> Table:
    """Return a row for the paper, for each network alone and for each whole chain."""
    sizes = list(NAMED_SIZES.values())
    rates: dict[str, dict[Size, float]] = {_PAPER: _PAPER_FPS}
    for w in work:
        rates.setdefault(f"{w.subject}, network alone: {w.device}, {w.engine}", {})[w.size] = w.fps
    for r in speed:
        if r.subject not in (RECIPE, COPY):
            rates.setdefault(f"{r.subject}, {r.effect}: {r.engine}", {})[r.size] = r.fps
    rows = [
        (what, *(f"{by_size[size]:.1f}" if size in by_size else "" for size in sizes))
        for what, by_size in rates.items()
    ]
    return Table(("what", *NAMED_SIZES), rows, words=1)


def _share_of(value: float, most: float | None) -> str:
    return "unknown" if most is None else share_text(value / most)
