"""The table that says how far engines are apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from livebg.bench.parity import REFERENCE, ParityResult
from livebg.bench.table import Table

__all__ = ["parity_lines"]

_NOTES = (
    "Mean difference of alpha in 0..1, x 1e3, at full size; worst: of the clip that is farthest "
    "off. carried: the network sees every third frame, and mattes are carried to those between by "
    "optical flow. limit: what livebg promises for `every frame`; int8 computes something coarser "
    "on purpose, and promises its quality instead.",
)


def parity_lines(results: Sequence[ParityResult]) -> Iterator[str]:
    """Return what was compared, line by line."""
    yield f"### Parity: mattes beside those of {REFERENCE.device} in {REFERENCE.precision}"
    yield ""
    yield from _table(results).lines()
    yield ""
    yield from _NOTES


def _table(results: Sequence[ParityResult]) -> Table:
    rows = [
        (
            r.engine.device,
            r.engine.precision,
            *map(_x1e3, (r.inferred, r.inferred_worst, r.carried, r.carried_worst)),
            "" if r.limit is None else f"{r.limit * 1e3:g}",
            "" if r.limit is None else "yes" if r.inferred_worst <= r.limit else "no",
        )
        for r in results
    ]
    columns = ("device", "precision", "every frame", "worst", "carried", "worst", "limit", "kept")
    return Table(columns, rows, words=2)


def _x1e3(difference: float) -> str:
    return f"{difference * 1e3:.2f}"
