"""Output conflicts: an output that would replace an input or another output."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from livebg.cli.options import config_path
from livebg.config.settings import Settings
from livebg.errors import InputError, UsageError

__all__ = [
    "FRAMES",
    "MATTES",
    "Written",
    "check_output_conflicts",
    "named_outputs",
    "settings_files",
]

FRAMES, MATTES = "frame", "alpha"
"""Beginning of the names of the pictures in a written folder."""


@dataclass(frozen=True, slots=True)
class Written:
    """A file or folder that a command will write to.

    Attributes:
        prefix: of a folder, what its pictures are called: ``<prefix>_0000.png``; None for a file.
    """

    option: str
    path: Path
    prefix: str | None = None

    def holds(self, path: Path) -> bool:
        """Return whether ``path`` is a picture that will be written into this folder."""
        if self.prefix is None:
            return False
        name = re.compile(rf"{re.escape(self.prefix)}_\d{{4,}}\.png", re.IGNORECASE)
        return any(
            name.fullmatch(place.name) is not None and _same(place.parent, self.path)
            for place in (path, Path(os.path.realpath(path)))
        )


def check_output_conflicts(
    reads: Mapping[str, str | Path | None], writes: Sequence[Written]
) -> None:
    """Refuse to write over an input, or to one place twice; opens nothing.

    Mattes may be written into the folder of the pictures that are read.

    Args:
        reads: file or folder by the option that names it; what does not exist (the name of a
            camera, a colour, None) is skipped.
        writes: everything that will be written.

    Raises:
        UsageError: two options name the same place.
    """
    for option, name in reads.items():
        for path in _files(name):
            for place in writes:
                if place.holds(path) or (place.prefix != MATTES and _same(path, place.path)):
                    raise UsageError(
                        f"{path} is what {option} reads, name another place with {place.option}"
                    )
    for first, second in combinations(writes, 2):
        if _collide(first, second):
            raise UsageError(
                f"{second.path} is what {first.option} writes, name another place with "
                f"{second.option}"
            )


def named_outputs(*places: tuple[str, str | Path | None, str | None]) -> list[Written]:
    """Return the outputs that have a path: option, path, and prefix of a folder's pictures."""
    return [
        Written(option, Path(path), prefix) for option, path, prefix in places if path is not None
    ]


def settings_files(arguments: argparse.Namespace, settings: Settings) -> dict[str, str | None]:
    """Return the files that settings come from or name, by option."""
    config = config_path(arguments)
    return {
        "--config": None if config is None else str(config),
        "--background": str(settings.background),
        "--model": settings.model if settings.model.endswith(".onnx") else None,
    }


def _files(name: str | Path | None) -> Iterator[Path]:
    """Yield the file ``name``; of a folder, itself and the pictures that are read from it."""
    if name is None:
        return
    path = Path(os.path.expanduser(name))
    if os.path.isfile(path):
        yield path
    elif os.path.isdir(path):
        from livebg.sources.pictures import list_pictures

        yield path
        try:
            yield from list_pictures(path)
        except InputError:  # reported when the folder is read
            return


def _collide(first: Written, second: Written) -> bool:
    if first.holds(second.path) or second.holds(first.path):
        return True
    both_folders = first.prefix is not None and second.prefix is not None
    if both_folders and first.prefix != second.prefix:
        return False
    return _same(first.path, second.path)


def _same(first: Path, second: Path) -> bool:
    """Return whether both paths lead to one place, which need not exist."""
    names = {os.path.normcase(os.path.realpath(path)) for path in (first, second)}
    if len(names) == 1:
        return True
    try:
        return os.path.samefile(first, second)
    except OSError:
        return False
