"""A Markdown table whose columns are aligned, to be read as plain text too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ["Table", "ms_text", "share_text"]


@dataclass(frozen=True, slots=True)
class Table:
    """Cells as they are printed; the first columns, which hold words, are aligned to the left.

    Attributes:
        columns: what stands above each.
        rows: a text for each column.
        words: how many of the first columns hold words.
    """

    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    words: int

    def lines(self) -> Iterator[str]:
        """Yield the table line by line."""
        cells = [self.columns, *self.rows]
        widths = [max(len(row[place]) for row in cells) for place in range(len(self.columns))]
        rule = [
            "-" * width if place < self.words else "-" * (width - 1) + ":"
            for place, width in enumerate(widths)
        ]
        for row in (self.columns, tuple(rule), *self.rows):
            padded = (
                text.ljust(width) if place < self.words else text.rjust(width)
                for place, (text, width) in enumerate(zip(row, widths, strict=True))
            )
            yield f"| {' | '.join(padded)} |"


def ms_text(ms: float) -> str:
    """Return milliseconds with three digits or more."""
    return f"{ms:.2f}" if ms < 10 else f"{ms:.1f}"


def share_text(share: float) -> str:
    """Return a share of 1 in per cent."""
    return f"{share:.0%}".replace("%", " %")
