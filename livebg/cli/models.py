"""``livebg models``: list, fetch, add and find the weights of networks."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from urllib.parse import urlsplit

from livebg.cli.console import download_progress, megabytes
from livebg.download import UrlSource
from livebg.errors import WeightsError
from livebg.models.catalog import CATALOG, CatalogEntry, find
from livebg.models.weights import (
    add_weights,
    cache_folder,
    ensure_weights,
    weights_origin,
    weights_path,
)

__all__ = ["add_parser", "run"]

_HEADINGS = ("name", "task", "input", "size", "licence", "from", "here")

_WIDE_COLUMNS = 160
"""Terminal columns from which each heading has a column of its own; below it they are stacked."""

_PIPED_WIDTH = 220
"""Columns of the table where there is no terminal to ask, so that no cell is cut or wrapped."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the parser of ``livebg models`` and set its ``run``."""
    parser = subparsers.add_parser(
        "models",
        help="list, fetch and add networks",
        description="Networks and their weights. Weights are fetched by themselves when they are "
        "first needed; these commands do it beforehand, or without a network connection.",
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("list", help="show every network, its licence and whether it is here")
    pull = actions.add_parser("pull", help="fetch the weights of a network into the cache")
    pull.add_argument("name", metavar="NAME", help="a name from `livebg models list`")
    add = actions.add_parser("add", help="put a checkpoint from this machine into the cache")
    add.add_argument("name", metavar="NAME", help="the network that it belongs to")
    add.add_argument("file", metavar="FILE", type=Path, help="an .onnx or .pth file")
    path = actions.add_parser("path", help="print where the weights are")
    path.add_argument(
        "name", metavar="NAME", nargs="?", help="a network; the whole cache if left out"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run ``livebg models`` and return its exit status."""
    match arguments.action:
        case "list":
            _show_list()
        case "pull":
            _pull(find(arguments.name))
        case "add":
            path = add_weights(arguments.name, arguments.file)
            print(f"{arguments.name}: {path} ({weights_origin(path)})")
        case "path":
            print(_place(arguments.name) if arguments.name else cache_folder())
    return 0


def _show_list() -> None:
    from rich.console import Console
    from rich.table import Column, Table

    console = Console(
        width=None if sys.stdout.isatty() else _PIPED_WIDTH, markup=False, highlight=False
    )
    rows = [_HEADINGS, *(_describe(entry) for entry in CATALOG.values())]
    stacked = console.width < _WIDE_COLUMNS
    if stacked:
        rows = [("\n".join(row[:3]), "\n".join(row[3:6]), row[6]) for row in rows]
    headings, *networks = rows
    table = Table(*(Column(heading, overflow="fold") for heading in headings), show_lines=stacked)
    for network in networks:
        table.add_row(*network)
    console.print(table)


def _describe(entry: CatalogEntry) -> tuple[str, ...]:
    """Return one network's cells in the order of ``_HEADINGS``."""
    path = weights_path(entry)
    return (
        entry.name,
        entry.task,
        entry.input,
        megabytes(entry.file.size_bytes if path is None else path.stat().st_size),
        entry.licence,
        _hosts(entry) if path is None else weights_origin(path),
        "no" if path is None else "yes",
    )


def _hosts(entry: CatalogEntry) -> str:
    return " or ".join(
        urlsplit(source.url).netloc if isinstance(source, UrlSource) else str(source)
        for source in entry.file.sources
    )


def _pull(entry: CatalogEntry) -> None:
    print(f"{entry.name}: {entry.title}", flush=True)
    print(f"licence of the weights: {entry.licence}, {entry.licence_url}", flush=True)
    with download_progress() as progress:
        path = ensure_weights(entry, progress)
    print(f"here: {path} (from {weights_origin(path)})")


def _place(name: str) -> Path:
    path = weights_path(find(name))
    if path is None:
        raise WeightsError(
            f"the weights of {name} are not here; fetch them with `livebg models pull {name}`"
        )
    return path
