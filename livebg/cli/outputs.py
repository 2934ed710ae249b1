"""Where a live session sends its pictures, as the command line asks for it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from livebg.config.settings import Settings
from livebg.errors import SinkUnavailableError, UsageError
from livebg.live.sink_runner import SinkPlan
from livebg.sinks.base import Sink
from livebg.sources.base import SourceInfo

if TYPE_CHECKING:
    from livebg.live.session import Session

__all__ = ["Outputs", "add_output_options", "outputs_from", "was_recorded"]

_RECORDING = "recording"
"""The recording's name among the sinks of a session."""
_PIPEWIRE = "pipewire"
"""The virtual camera that needs no device."""
_FINISHING_S = 5.0
"""Seconds that a recording may take to write what is outstanding."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """What was asked for.

    Attributes:
        window: whether to open a preview window.
        virtual_camera: whether to feed a virtual camera.
        device: which one, or ``pipewire``; None takes the first free device.
        recording: video file to write.
        mattes: folder for the alpha mattes.
        nothing: whether to count and throw away, for measurements.
        on_demand: whether the camera runs only while an app reads the virtual camera.
    """

    window: bool = False
    virtual_camera: bool = False
    device: str | None = None
    recording: Path | None = None
    mattes: Path | None = None
    nothing: bool = False
    on_demand: bool = False

    @property
    def only_virtual_camera(self) -> bool:
        """True if nobody but an app that reads the virtual camera can see a picture."""
        return self.virtual_camera and not (
            self.window or self.recording or self.mattes or self.nothing
        )

    def plan_sinks(self, info: SourceInfo, settings: Settings) -> list[SinkPlan]:
        """Return the sinks that get a thread of their own."""
        plans: list[SinkPlan] = []
        rate = info.frame_rate or Fraction(settings.fps).limit_denominator(1001)
        if self.virtual_camera:
            opener = partial(_open_virtual_camera, info, rate, self.device)
            plans.append(SinkPlan("virtual camera", opener, retry=True))
        if self.recording is not None:
            transparent = settings.background.transparent
            opener = partial(_open_recorder, self.recording, info, rate, transparent)
            plans.append(SinkPlan(_RECORDING, opener, cards="between", close_within_s=_FINISHING_S))
        if self.mattes is not None:
            opener = partial(_open_mattes, self.mattes)
            plans.append(SinkPlan("mattes", opener, cards="never", wants_alpha=True))
        if self.nothing:
            plans.append(SinkPlan("null", _open_nothing))
        return plans


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
        "--on-demand",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="run the camera only while an app reads the virtual camera (default where that is the "
        "only output)",
    )


def outputs_from(arguments: argparse.Namespace) -> Outputs:
    """Return the outputs that the command line asks for; a window when it asks for none.

    Raises:
        UsageError: no output is left, or --on-demand lacks the virtual camera that it is about.
        SinkUnavailableError: a window is wanted and there is no display.
    """
    from livebg.platform.display import require_display

    others = any(
        (
            arguments.virtual_camera is not None,
            arguments.record is not None,
            arguments.alpha is not None,
            arguments.null,
        )
    )
    window = not others if arguments.window is None else arguments.window
    if not window and not others:
        raise UsageError(
            "there is no output; name one or more of --window, --virtual-camera, --record FILE, "
            "--alpha DIR and --null"
        )
    if window:
        try:
            require_display()
        except SinkUnavailableError as error:
            if arguments.window:
                raise
            raise SinkUnavailableError(
                "there is no display for a window; name another output: --virtual-camera, "
                "--record FILE, --alpha DIR or --null"
            ) from error
    if arguments.on_demand and arguments.virtual_camera is None:
        raise UsageError(
            "--on-demand needs --virtual-camera: only that one knows whether an app reads it"
        )
    outputs = Outputs(
        window=window,
        virtual_camera=arguments.virtual_camera is not None,
        device=arguments.virtual_camera or None,
        recording=arguments.record,
        mattes=arguments.alpha,
        nothing=arguments.null,
    )
    on_demand = outputs.only_virtual_camera if arguments.on_demand is None else arguments.on_demand
    return replace(outputs, on_demand=on_demand)


def was_recorded(session: Session) -> bool:
    """Say whether a session that is over has left a complete recording."""
    recording = session.summary()["sinks"][_RECORDING]
    finished = recording["error"] is None and _RECORDING not in session.unfinished
    return finished and recording["sent"] > 0


Opener = Callable[[], Sink]


def _open_virtual_camera(info: SourceInfo, rate: Fraction, device: str | None) -> Sink:
    if device == _PIPEWIRE:
        from livebg.sinks.pipewire.camera import PipeWireCamera

        return PipeWireCamera(info.size, rate)
    from livebg.sinks.virtual_camera import VirtualCamera

    return VirtualCamera(info.size, float(rate), device)


def _open_recorder(path: Path, info: SourceInfo, rate: Fraction, transparent: bool) -> Sink:
    from livebg.sinks.recorder import Recorder

    return Recorder(path, size=info.size, frame_rate=rate, transparent=transparent, live=True)


def _open_mattes(folder: Path) -> Sink:
    from livebg.sinks.pictures import AlphaFolder

    return AlphaFolder(folder)


def _open_nothing() -> Sink:
    from livebg.sinks.null import NullSink

    return NullSink()
