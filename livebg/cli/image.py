"""``livebg image``: one picture to one picture."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from livebg.cli.conflicts import Written, check_output_conflicts, settings_files
from livebg.cli.console import download_progress
from livebg.cli.options import add_settings_options, overrides_from, settings_from
from livebg.config.settings import Settings
from livebg.frame import Composite, Frame, Image, Size

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from livebg.pipeline import Pipeline

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

_LOOKS = 3
"""How often a network with memory looks at the picture: its error falls by 7 % with three looks
(0.3 % more with each further one), most where there is no person."""

_MOST_PIXELS: Size = (1920, 1080)
"""What a network with classes sees of a picture at most: the largest one takes 2 GiB for as many
pixels, and half a minute or more on a processor."""


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
    """Run ``livebg image`` and return its exit status.

    Raises:
        UsageError: a setting cannot be used, or the output would replace what is read.
        InputError: the picture cannot be read, or the output cannot be written to.
        ModelError: the network cannot be loaded or failed.
        SinkError: the picture cannot be written.
    """
    settings = settings_from(arguments)

    from livebg.pipeline import Pipeline
    from livebg.sinks.pictures import check_picture_path, write_picture
    from livebg.sources.pictures import read_picture

    drawn = arguments.compare or arguments.segmap
    check_picture_path(arguments.output, transparent=settings.background.transparent and not drawn)
    check_output_conflicts(
        {"IN": arguments.input, **settings_files(arguments, settings)},
        [Written("-o", arguments.output)],
    )
    frame = Frame(read_picture(arguments.input), index=0, captured_ns=0)
    if "matte_size" not in overrides_from(arguments):
        settings = _with_a_close_look(settings, frame.size)
    with download_progress() as progress:
        pipeline = Pipeline(settings, frame.size, progress=progress)
    with pipeline:
        picture = _picture(pipeline, frame, compare=arguments.compare, segmap=arguments.segmap)
    write_picture(arguments.output, picture)
    print(f"{arguments.output}: {picture.shape[1]}x{picture.shape[0]}")
    return 0


def _with_a_close_look(settings: Settings, size: Size) -> Settings:
    """Return ``settings`` with which a network with classes sees a picture of ``size`` as it is.

    One picture may take its time. RVM's coefficients reach full size without that.
    """
    from livebg.models.catalog import CATALOG

    entry = CATALOG.get(settings.model)
    if entry is None or not entry.classes:
        return settings
    return replace(settings, matte_size=min(size, _MOST_PIXELS, key=lambda side: side[0] * side[1]))


def _picture(pipeline: Pipeline, frame: Frame, *, compare: bool, segmap: bool) -> Image:
    """Return what was asked for: the filtered picture, or it and others side by side."""
    from livebg.compositing.sheets import colour_classes, side_by_side, with_legend
    from livebg.models.catalog import VOC_CLASSES, voc_palette

    pipeline.warm_up(frame, _LOOKS - 1)
    matte = pipeline.matte(frame)
    assert matte is not None  # only a live pipeline is ever late
    composite = pipeline.compose(frame, matte, want_alpha=True)
    before, after = ("before", frame.image), ("after", composite.image)
    if not segmap:
        return side_by_side([before, after]) if compare else composite.image
    labels = pipeline.labels(frame, matte)
    if labels is None:
        labels = _person_labels(composite)
    palette = voc_palette()
    drawn = colour_classes(labels, palette)
    if compare:
        drawn = side_by_side([before, ("segmap", drawn), after])
    return with_legend(drawn, labels, VOC_CLASSES, palette)


def _person_labels(composite: Composite) -> NDArray[np.uint8]:
    """Return person where the matte says so, for networks without classes."""
    from livebg.compositing.sheets import labels_from_alpha
    from livebg.models.catalog import VOC_CLASSES

    assert composite.alpha is not None  # it was asked for
    return labels_from_alpha(composite.alpha, VOC_CLASSES.index("person"))
