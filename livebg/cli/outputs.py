"""Outputs of a live session: the options that name them."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from livebg.errors import SinkUnavailableError, UsageError

if TYPE_CHECKING:
    from livebg.live.session import Session

__all__ = ["Outputs", "add_output_options", "outputs_from", "was_recorded"]


@dataclass(frozen=True, slots=True)
class Outputs:
    """Outputs that the command line names.

    Attributes:
        sinks: as ``livebg.Session`` takes them.
        only_virtual_camera: whether the virtual camera is the only one.
        on_demand: whether the camera runs only while an app reads the virtual camera.
    """

    sinks: tuple[str, ...]
    only_virtual_camera: bool
    on_demand: bool


def add_output_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that name outputs; several at once are fine."""
    group = parser.add_argument_group("outputs", "several at once; by default a window")
    group.add_argument(
        "--window",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="show a preview window; h lists its keys (default where no other output is named)",
    )
    group.add_argument(
        "--virtual-camera",
        nargs="?",
        const="",
        metavar="DEVICE",
        help="feed a virtual camera that video calls can choose: a device, or pipewire, which "
        "needs none; the first free device by default",
    )
    group.add_argument(
        "--record", type=Path, metavar="FILE", help="record to FILE (.mp4 .mkv .webm .mov)"
    )
    group.add_argument(
        "--alpha", type=Path, metavar="DIR", help="write each matte to DIR as alpha_0000.png ..."
    )
    group.add_argument("--null", action="store_true", help="send nowhere, to measure")
    group.add_argument(
        "--sink",
        action="append",
        default=[],
        metavar="NAME:ARGUMENT",
        help="send to a sink that another package registers",
    )
    group.add_argument(
        "--on-demand",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="run the camera only while an app reads the virtual camera (default where that is the "
        "only output)",
    )


def outputs_from(arguments: argparse.Namespace) -> Outputs:
    """Return the outputs that the command line names; a window when it names none."""
    device = arguments.virtual_camera
    others = [] if arguments.record is None else [f"record:{arguments.record}"]
    others += [] if arguments.alpha is None else [f"alpha:{arguments.alpha}"]
    others += ["null"] if arguments.null else []
    others += arguments.sink
    sinks = [] if device is None else [f"virtual-camera:{device}"]
    sinks += others
    window = not sinks if arguments.window is None else arguments.window
    if window:
        _require_display(asked_for=bool(arguments.window))
        sinks.append("window")
    if not sinks:
        raise UsageError(
            "there is no output; name one or more of --window, --virtual-camera, --record FILE, "
            "--alpha DIR and --null"
        )
    if arguments.on_demand and device is None:
        raise UsageError(
            "--on-demand needs --virtual-camera: only that one knows whether an app reads it"
        )
    alone = device is not None and len(sinks) == 1
    return Outputs(
        tuple(sinks), alone, alone if arguments.on_demand is None else arguments.on_demand
    )


def was_recorded(session: Session) -> bool:
    """Return whether a session that is over has left a complete recording."""
    recording = session.statistics["sinks"]["recording"]
    finished = recording["error"] is None and "recording" not in session.unfinished
    return finished and recording["sent"] > 0


def _require_display(*, asked_for: bool) -> None:
    from livebg.platform.display import require_display

    try:
        require_display()
    except SinkUnavailableError as error:
        if asked_for:
            raise
        raise SinkUnavailableError(
            "there is no display for a window; name another output: --virtual-camera, "
            "--record FILE, --alpha DIR or --null"
        ) from error
