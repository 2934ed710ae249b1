"""``livebg image``: one picture to one picture."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from livebg.cli.conflicts import Written, check_output_conflicts, settings_files
from livebg.cli.console import download_progress
from livebg.cli.options import add_settings_options, overrides_from, settings_from

if TYPE_CHECKING:
    from livebg.frame import Image
    from livebg.still import FilteredStill

__all__ = ["add_parser", "run"]

_SETTINGS = (
    "model",
    "keep",
    "device",
    "precision",
    "threads",
    "matte_size",
    "background",
    "edge_colour",
)
"""The settings that mean something for one picture."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the parser of ``livebg image`` and set its ``run``."""
    parser = subparsers.add_parser(
        "image",
        help="filter one picture",
        description="Filter one picture. Pictures are turned upright as their EXIF data says. "
        "With --compare and --segmap together: before | segmap | after. A network with classes "
        "looks at the picture's own pixels, up to two million; --matte-size has it look at fewer.",
    )
    parser.add_argument("input", metavar="IN", type=Path, help="the picture to filter")
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        type=Path,
        required=True,
        help="the picture to write, in the format of its ending; PNG and WebP may be transparent",
    )
    parser.add_argument("--compare", action="store_true", help="write before | after, side by side")
    parser.add_argument(
        "--segmap",
        action="store_true",
        help="write the class map in the PASCAL VOC colours, with a legend of the classes present",
    )
    add_settings_options(parser, names=_SETTINGS, default_preset="quality")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run ``livebg image`` and return its exit status."""
    settings = settings_from(arguments)

    from livebg.sinks.pictures import check_picture_path, write_picture
    from livebg.sources.pictures import read_picture
    from livebg.still import filter_still, still_settings

    drawn = arguments.compare or arguments.segmap
    check_picture_path(arguments.output, transparent=settings.background.transparent and not drawn)
    check_output_conflicts(
        {"IN": arguments.input, **settings_files(arguments, settings)},
        [Written("-o", arguments.output)],
    )
    before = read_picture(arguments.input)
    if "matte_size" not in overrides_from(arguments):
        settings = still_settings(settings, (before.shape[1], before.shape[0]))
    with download_progress() as progress:
        after = filter_still(before, settings, progress=progress)
    picture = _sheet(before, after, compare=arguments.compare, segmap=arguments.segmap)
    write_picture(arguments.output, picture)
    print(f"{arguments.output}: {picture.shape[1]}x{picture.shape[0]}")
    return 0


def _sheet(before: Image, after: FilteredStill, *, compare: bool, segmap: bool) -> Image:
    """Return the filtered picture, or the pictures that were asked for side by side."""
    from livebg.compositing.sheets import side_by_side, with_legend
    from livebg.models.catalog import VOC_CLASSES, voc_palette

    first, last = ("before", before), ("after", after.image)
    if not segmap:
        return side_by_side([first, last]) if compare else after.image
    palette = voc_palette()
    drawn = palette[after.labels]
    if compare:
        drawn = side_by_side([first, ("segmap", drawn), last])
    return with_legend(drawn, after.labels, VOC_CLASSES, palette)
