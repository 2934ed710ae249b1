"""``livebg demo``: the whole thing on a real clip, with no camera needed."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from livebg.cli.apart import Written, check_apart, settings_files
from livebg.cli.options import add_settings_options, settings_from
from livebg.cli.progress import download_progress
from livebg.errors import InputError, SinkUnavailableError

if TYPE_CHECKING:
    from livebg.cli.demo_reel import Programme, Reel, Scene
    from livebg.cli.live_line import LiveLine
    from livebg.config.schema import Settings
    from livebg.runtime.session import Session
    from livebg.runtime.sinks import SinkPlan
    from livebg.sink.window import Window
    from livebg.source.base import Source, SourceInfo

__all__ = ["add_parser", "run"]

_SETTINGS = ("model", "device", "precision", "threads", "matte_size", "every", "edge_colour")
"""The settings that mean something here: the demo chooses the backgrounds itself."""

_SCENE_S = 2.4
"""Seconds that each background is shown, or less where the clip is shorter."""

_REEL, _SHEET, _HILLS = "livebg-demo.mp4", "livebg-demo.png", "hills.png"
"""What the demo writes into its folder."""

_SHEET_PICTURE = (480, 270)


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
    """Run ``livebg demo`` and return its exit status.

    Raises:
        UsageError: a setting cannot be used, or the clip is what would be written.
        InputError: the clip cannot be read, or the folder cannot be written.
        LivebgError: the clip or the network cannot be fetched, or the session could not go on.
    """
    from livebg.cli.run import fetch_network

    settings = settings_from(arguments)
    folder: Path = arguments.output
    check_apart(
        {"FILE": arguments.file, **settings_files(arguments, settings)},
        [Written("-o", folder / name) for name in (_REEL, _SHEET, _HILLS)],
    )
    _make_folder(folder)
    clip = arguments.file or _fetch_clip()
    fetch_network(settings)
    return _play(clip, settings, folder, window_wanted=not arguments.no_window)


def _play(clip: Path, settings: Settings, folder: Path, *, window_wanted: bool) -> int:
    from livebg.cli.demo_reel import Programme
    from livebg.cli.demo_report import next_steps, print_report
    from livebg.cli.live_line import LiveLine
    from livebg.cli.outputs import was_recorded
    from livebg.cli.signals import stop_on_signals
    from livebg.clock import MonotonicClock
    from livebg.compose.landscape import landscape
    from livebg.runtime.rehearsal import build_rehearsed
    from livebg.sink.picture_file import write_picture
    from livebg.source.video import VideoFile

    line = LiveLine(MonotonicClock())
    with VideoFile(clip) as video:
        info = video.info
    picture = folder / _HILLS
    write_picture(picture, landscape((1280, 720)))
    scenes = _scenes(picture)
    frames = round(_SCENE_S * float(info.frame_rate or settings.fps))
    frames = min(frames, info.frame_count or frames)
    line.say(f"playing {info.name} through {len(scenes)} backgrounds")
    pipeline = build_rehearsed(settings, info.size)
    programme = Programme(pipeline, settings, scenes, frames)
    window = _open_window() if window_wanted else None
    reel = folder / _REEL
    session = _open_session(clip, settings, programme, reel, window, len(scenes) * frames, line)
    try:
        with stop_on_signals(session.stop):
            session.run(on_tick=lambda: _tick(session, programme, window, line))
    finally:
        line.clear()
    sheet = folder / _SHEET
    drawn = _write_sheet(sheet, programme, scenes)
    written = ((reel, was_recorded(session)), (sheet, drawn))
    files = [path for path, done in written if done]
    print_report(session.summary(), files, next_steps(_webcams(), picture))
    return 0


def _scenes(picture: Path) -> list[Scene]:
    from livebg.cli.demo_reel import Scene

    return [
        Scene("blur", "--background blur"),
        Scene("blur:100", "--background blur:100"),
        Scene(str(picture), f"--background {picture.name}"),
        Scene("white", "--background white"),
        Scene("gray", "--background gray"),
        Scene("color:#00b140", "--background color:#00b140"),
        Scene("transparent", "--background transparent"),
    ]


def _open_session(
    clip: Path,
    settings: Settings,
    programme: Programme,
    reel: Path,
    window: Window | None,
    frames: int,
    line: LiveLine,
) -> Session:
    from livebg.cli.demo_reel import Reel
    from livebg.cli.outputs import Outputs
    from livebg.clock import MonotonicClock
    from livebg.runtime.session import Session
    from livebg.source.excerpt import Excerpt
    from livebg.source.paced import PacedVideo
    from livebg.source.video import VideoFile

    def open_source() -> Source:
        scene = programme.scene_frames
        looped = PacedVideo(lambda: Excerpt(VideoFile(clip), scene), MonotonicClock(), loop=True)
        return Excerpt(looped, frames)

    def plan_sinks(info: SourceInfo) -> list[SinkPlan]:
        plan = Outputs(recording=reel).plan_sinks(info, settings)[0]
        return [replace(plan, open=lambda: Reel(plan.open(), programme))]

    return Session(
        settings,
        open_source=open_source,
        plan_sinks=plan_sinks,
        plan_window=None if window is None else partial(_plan_window, Reel(window, programme)),
        build=lambda wanted, size: programme,
        notice=line.say,
    )


def _plan_window(reel: Reel, info: SourceInfo) -> SinkPlan:
    from livebg.runtime.sinks import SinkPlan

    return SinkPlan("window", lambda: reel)


def _open_window() -> Window | None:
    """Return a window where there is a display, else None: the demo does not need one."""
    from livebg.sink.window import Window

    try:
        return Window("livebg demo")
    except SinkUnavailableError:
        return None


def _tick(session: Session, programme: Programme, window: Window | None, line: LiveLine) -> None:
    from livebg.cli.live_line import describe
    from livebg.control.commands import Command, command_for

    if session.shown is not None:
        caption = programme.scene_at(session.shown.index).caption
        line.update(f"{caption:30} {describe(session.glance())}")
    if window is None:
        return
    if Command.QUIT in map(command_for, window.poll_keys()) or window.closed:
        session.stop()


def _write_sheet(path: Path, programme: Programme, scenes: list[Scene]) -> bool:
    """Write the contact sheet; return False where there was nothing to show."""
    from livebg.compose.contact_sheet import contact_sheet
    from livebg.sink.picture_file import write_picture

    stills = programme.stills
    if not stills:
        return False
    captions = [scene.caption for scene in scenes if scene.caption in stills]
    pictures = [("the camera", stills[""]), *((caption, stills[caption]) for caption in captions)]
    sheet = contact_sheet(
        pictures,
        columns=4,
        picture_size=_SHEET_PICTURE,
        title="livebg: one camera, seven backgrounds",
    )
    write_picture(path, sheet)
    return True


def _webcams() -> list[str]:
    from livebg.source.devices import list_cameras

    return [camera.name for camera in list_cameras() if not camera.virtual]


def _fetch_clip() -> Path:
    from livebg.source.demo_clip import ensure_demo_clip

    with download_progress() as progress:
        return ensure_demo_clip(progress)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"the folder {folder} cannot be made ({error.strerror}); name another with --output"
        ) from error
    if not os.access(folder, os.W_OK):
        raise InputError(f"the folder {folder} is not writable; name another with --output")
