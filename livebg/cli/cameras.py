"""``livebg cameras``: the cameras of this machine and what they deliver."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from livebg.platform.cameras import CameraDevice

__all__ = ["add_parser", "run"]


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the parser of ``livebg cameras`` and set its ``run``."""
    parser = subparsers.add_parser(
        "cameras",
        help="list cameras and their modes",
        description="List the cameras of this machine, and the sizes and rates they deliver. "
        "Exit status 0 also when there is none: an empty list is an answer.",
    )
    parser.add_argument("--json", action="store_true", help="print a JSON array instead")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """List the cameras; return 0, also when there is none."""
    from livebg.sources.devices import list_cameras

    cameras = list_cameras()
    if arguments.json:
        print(json.dumps([_as_json(camera) for camera in cameras], indent=2))
    elif cameras:
        _print_table(cameras)
    else:
        print(
            "No camera found. Plug one in, or let a video pretend to be one: "
            "livebg run --camera VIDEO"
        )
    return 0


def _print_table(cameras: list[CameraDevice]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("camera", "name", "format", "sizes (frames/s)")
    for camera in cameras:
        name = f"{camera.name} (virtual)" if camera.virtual else camera.name
        rows = _sizes_by_format(camera) or {"": camera.problem or "not listed"}
        for number, row in enumerate(rows.items()):
            lead = ("", "") if number else (camera.path, name)
            table.add_row(*map(escape, (*lead, *row)))
        table.add_section()
    Console().print(table)


def _sizes_by_format(camera: CameraDevice) -> dict[str, str]:
    """Return the sizes of each pixel format on one line, with their fastest rate in brackets."""
    lines: dict[str, str] = {}
    for mode in camera.modes:
        rate = f" ({float(mode.rates[0]):.3g})" if mode.rates else ""
        size = f"{mode.size[0]}x{mode.size[1]}{rate}"
        before = lines.get(mode.fourcc)
        lines[mode.fourcc] = f"{before}, {size}" if before else size
    return lines


def _as_json(camera: CameraDevice) -> dict[str, object]:
    return {
        "id": camera.id,
        "path": camera.path,
        "index": camera.index,
        "name": camera.name,
        "virtual": camera.virtual,
        "problem": camera.problem or None,
        "modes": [
            {
                "format": mode.fourcc,
                "size": list(mode.size),
                "rates": [float(rate) for rate in mode.rates],
            }
            for mode in camera.modes
        ],
    }
