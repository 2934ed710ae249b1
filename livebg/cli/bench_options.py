"""The options of ``livebg bench``, and how their texts are read."""

from __future__ import annotations

import argparse
import math
import re
from pathlib import Path

from livebg.bench.effects import EFFECTS
from livebg.bench.sizes import NAMED_SIZES
from livebg.cli.options import add_overrides
from livebg.config.schema import SETTINGS
from livebg.types import Size

__all__ = ["QUICK_SECONDS", "SECONDS", "add_options"]

SECONDS = 4.0
"""How long a case is measured."""

QUICK_SECONDS = 1.5
"""How long it is measured with ``--quick``."""

_SIZE = re.compile(r"(\d{2,4})x(\d{2,4})")
_LEAST_SIDE, _LARGEST_SIDE = 64, 8192

_MOST = 1_000_000
"""Seconds or minutes that a measurement may last."""

_NOT_MEASURED = frozenset({"camera", "size", "fps", "mirror", "max_matte_age_s", "background"})
"""Settings of the camera and of the live session, and the one that --effects chooses."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add everything that ``livebg bench`` understands."""
    _add_what(parser)
    _add_how_long(parser)
    _add_outputs(parser)
    add_overrides(parser, [name for name in SETTINGS if name not in _NOT_MEASURED])


def _add_what(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--presets",
        type=_words,
        default="fast,balanced,quality",
        metavar="NAME[,NAME...]",
        help="what to measure (default %(default)s)",
    )
    parser.add_argument(
        "--sizes",
        type=_sizes,
        metavar="SIZE[,SIZE...]",
        help="720p, 1080p, 4K or WIDTHxHEIGHT (default all three)",
    )
    parser.add_argument(
        "--effects",
        type=_effects,
        default=",".join(EFFECTS),
        metavar="NAME[,NAME...]",
        help="backgrounds: picture, blur (default both)",
    )
    parser.add_argument(
        "--clip",
        type=Path,
        metavar="FILE",
        help="video, or folder of pictures, to measure speed on (default: that of livebg demo)",
    )
    parser.add_argument(
        "--clips",
        type=Path,
        metavar="DIR",
        help="measure quality too: each folder in DIR holds frame_0000.jpg ... and their exact "
        "mattes alpha_0000.png ...",
    )


def _add_how_long(parser: argparse.ArgumentParser) -> None:
    length = parser.add_mutually_exclusive_group()
    length.add_argument(
        "--seconds",
        type=_positive,
        metavar="N",
        help=f"how long to measure each case (default {SECONDS:g})",
    )
    length.add_argument(
        "--frames", type=_count, metavar="N", help="how many frames to measure of each case instead"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help=f"720p only, {QUICK_SECONDS:g} seconds each: done within a minute",
    )
    parser.add_argument("--no-speed", action="store_true", help="measure no speed")
    parser.add_argument(
        "--parity",
        action="store_true",
        help="instead of speed and quality, compare the mattes of every engine, device and "
        "arithmetic that there is here, on --clips or --clip",
    )
    parser.add_argument(
        "--soak",
        type=_positive,
        metavar="MINUTES",
        help="instead of speed, run a live session as fast as it takes frames and watch its "
        "memory, threads and drops, with the first preset, size and effect",
    )


def _add_outputs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--report", type=Path, metavar="FILE.md", help="write the tables to a file as well"
    )
    parser.add_argument(
        "--plot",
        type=_svg,
        metavar="FILE.svg",
        help="draw quality against processor time; needs --clips",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")


def _words(text: str) -> list[str]:
    words = list(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    if not words:
        raise argparse.ArgumentTypeError("name one or more, separated by commas")
    return words


def _effects(text: str) -> list[str]:
    words = _words(text)
    for word in words:
        if word not in EFFECTS:
            raise argparse.ArgumentTypeError(
                f"there is no effect {word!r}, only {', '.join(EFFECTS)}"
            )
    return words


def _sizes(text: str) -> list[Size]:
    return [_size(word) for word in _words(text)]


def _size(word: str) -> Size:
    named = {name.lower(): size for name, size in NAMED_SIZES.items()}
    if word.lower() in named:
        return named[word.lower()]
    found = _SIZE.fullmatch(word.lower())
    size = (0, 0) if found is None else (int(found[1]), int(found[2]))
    if min(size) < _LEAST_SIDE or max(size) > _LARGEST_SIDE:
        raise argparse.ArgumentTypeError(
            f"{word!r} is no size; write {', '.join(NAMED_SIZES)}, or WIDTHxHEIGHT from "
            f"{_LEAST_SIDE} to {_LARGEST_SIDE} pixels"
        )
    return size


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number <= _MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0, up to {_MOST}")
    return number


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)


def _svg(text: str) -> Path:
    path = Path(text)
    if path.suffix.lower() != ".svg":
        raise argparse.ArgumentTypeError(f"{text!r} must end in .svg")
    return path
