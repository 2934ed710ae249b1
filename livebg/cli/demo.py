"""What ``livebg demo`` shows: one background after another, captioned, with the camera inset.

What ``livebg demo`` prints at its end: the numbers, and what to try next.

``livebg demo``: the whole thing on a real clip, with no camera needed.
"""

from __future__ import annotations

import argparse
import os
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from livebg.cli.conflicts import Written, check_output_conflicts, settings_files
from livebg.cli.console import download_progress
from livebg.cli.options import add_settings_options, settings_from
from livebg.compositing.sheets import on_checkerboard
from livebg.compositing.text import draw_text, text_size
from livebg.config.settings import Settings
from livebg.errors import InputError, SinkUnavailableError
from livebg.frame import BGR, Composite, Frame, Image, PixelFormat
from livebg.pipeline import Pipeline
from livebg.sinks.base import Sink, repacked

if TYPE_CHECKING:
    from livebg.cli.status_line import StatusLine
    from livebg.compositing.backgrounds import Plate
    from livebg.live.session import Session
    from livebg.sinks.window import Window
    from livebg.sources.base import Source, SourceInfo

__all__ = [
    "Programme",
    "Reel",
    "Scene",
    "add_parser",
    "next_steps",
    "numbers",
    "print_report",
    "run",
]


_INSET = 0.24
"""Width of the inset, as a share of the picture's."""

_INSET_FRAME = (236, 232, 228)
_INK = (255, 255, 255)
_DIMMING = 0.35
_KEPT_FRAMES = 32
"""Camera frames kept for the inset: a second's worth, the oldest composite that may be shown."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One background of the demo.

    Attributes:
        background: its specification, as for ``--background``.
        caption: what is written into the picture.
    """

    background: str
    caption: str


class Programme(Pipeline):
    """A pipeline that goes through scenes by the index of the frame.

    Args:
        pipeline: what filters; closed with the programme.
        settings: what the pipeline was built from.
        scenes: the backgrounds in turn.
        scene_frames: frames of each.
    """

    def __init__(
        self, pipeline: Pipeline, settings: Settings, scenes: Sequence[Scene], scene_frames: int
    ) -> None:
        self.stills: dict[str, Image] = {}
        """By caption, a composite from the middle of each scene; ``""`` is the camera's frame."""
        self._pipeline = pipeline
        self._settings = settings
        self.scene_frames = scene_frames
        """Frames of each scene."""
        self._scenes = scenes
        self._scene: Scene | None = None
        self._recent: deque[Frame] = deque(maxlen=_KEPT_FRAMES)

    def scene_at(self, index: int) -> Scene:
        """Return the scene of the frame ``index``."""
        return self._scenes[min(index // self.scene_frames, len(self._scenes) - 1)]

    def frame_at(self, index: int) -> Frame | None:
        """Return the camera's frame ``index`` if it is a recent one. For any thread."""
        return next((frame for frame in tuple(self._recent) if frame.index == index), None)

    @property
    def statistics(self) -> Mapping[str, Any]:
        """What the pipeline did."""
        return self._pipeline.statistics

    def clear_statistics(self) -> None:
        """Count from zero again."""
        self._pipeline.clear_statistics()

    @property
    def late_notice(self) -> str:
        """See ``Pipeline.late_notice``."""
        return self._pipeline.late_notice

    def process(
        self, frame: Frame, *, want_alpha: bool = False, pixel_format: PixelFormat = BGR
    ) -> Composite | None:
        """Return ``frame`` filtered as its scene says; see ``Pipeline.process``."""
        scene = self.scene_at(frame.index)
        if scene is not self._scene:
            self._pipeline.reconfigure(replace(self._settings, background=scene.background))
            self._scene = scene
        composite = self._pipeline.process(frame, want_alpha=want_alpha, pixel_format=pixel_format)
        if composite is None:
            return None
        self._recent.append(frame)
        if scene.caption not in self.stills and self._is_past_the_middle(frame.index):
            self.stills.setdefault("", frame.image)
            self.stills[scene.caption] = repacked(composite, BGR)
        return composite

    def reconfigure(self, settings: Settings, plate: Plate | None = None) -> None:
        """Take over everything but the background, which the scenes choose."""
        if plate is not None:
            plate.close()
        self._settings = settings
        self._scene = None

    def reset(self) -> None:
        """Forget all earlier frames."""
        self._pipeline.reset()

    def close(self) -> None:
        """Close the pipeline."""
        self._pipeline.close()

    def _is_past_the_middle(self, index: int) -> bool:
        return index % self.scene_frames >= self.scene_frames // 2


class Reel(Sink):
    """Writes the scene's caption and the camera's own picture into what another sink gets.

    Args:
        name: for messages and statistics.
        sink: what is fed; closed with the reel.
        programme: knows the scenes and the camera's frames.
    """

    def __init__(self, name: str, sink: Sink, programme: Programme) -> None:
        self.name = name
        self.card_policy = sink.card_policy
        self.in_main_thread = sink.in_main_thread
        self.close_within_s = sink.close_within_s
        self._sink = sink
        self._programme = programme

    def send(self, composite: Composite) -> None:
        """Send a captioned copy of ``composite``; privacy cards go as they are.

        Raises:
            SinkError: the sink cannot take it.
        """
        if not composite.private:
            composite = replace(composite, image=self._annotated(composite), alpha=None)
        self._sink.send(composite)

    def close(self) -> None:
        """Close the sink."""
        self._sink.close()

    def abort(self) -> None:
        """Abort the sink."""
        self._sink.abort()

    def _annotated(self, composite: Composite) -> Image:
        image = repacked(composite, BGR)
        image = on_checkerboard(image) if image.shape[2] == 4 else image.copy()
        frame = self._programme.frame_at(composite.index)
        if frame is not None:
            _draw_inset(image, frame.image)
        _draw_caption(image, self._programme.scene_at(composite.index).caption)
        return image


def _draw_inset(image: Image, camera: Image) -> None:
    """Draw the camera's picture small into the upper left corner of ``image``, in place."""
    height, width = image.shape[:2]
    inset = (round(width * _INSET), round(height * _INSET))
    margin = round(height / 24)
    small = cv2.resize(camera, inset, interpolation=cv2.INTER_AREA)
    small = cv2.copyMakeBorder(small, 2, 2, 2, 2, cv2.BORDER_CONSTANT, value=_INSET_FRAME)
    image[margin : margin + small.shape[0], margin : margin + small.shape[1]] = small
    draw_text(
        image[margin:], "camera", (margin + 8, small.shape[0] - 8), height / 26, _INK, bold=True
    )


def _draw_caption(image: Image, caption: str) -> None:
    """Write ``caption`` on a darkened strip along the foot of ``image``, in place."""
    height, width = image.shape[:2]
    line_px = height / 20
    line_px *= min(1.0, 0.92 * width / text_size(caption, line_px)[0])
    strip = image[height - round(2.0 * line_px) :]
    strip[:] = (strip * _DIMMING).astype(np.uint8)
    draw_text(image, caption, (round(height / 24), height - round(0.62 * line_px)), line_px, _INK)


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
    """Return what a live session measured as labelled lines.

    Args:
        summary: of ``Session.summary``.
    """
    frames, latency, cpu = summary["frames"], summary["latency_ms"], summary["cpu"]
    inference = summary["inference"]
    lines = [
        ("frames", f"{frames['out']} filtered, {frames['dropped'] + frames['missed']} dropped"),
        ("rate", f"{summary['rate_fps']:.1f} frames per second"),
    ]
    if latency["count"]:
        lines.append(
            (
                "latency",
                f"{latency['p50']:.1f} ms (p50), {latency['p95']:.1f} ms (p95), "
                f"{latency['p99']:.1f} ms (p99)",
            )
        )
    lines.append(
        (
            "processor",
            f"{cpu['ms_per_frame']:.1f} ms per frame, {cpu['share_of_core']:.0%} of one core, "
            "recording included".replace("%", " %"),
        )
    )
    if summary["memory"]["peak_mib"] is not None:
        lines.append(("memory", f"{summary['memory']['peak_mib']:.0f} MiB at most"))
    if inference.get("count"):
        lines.append(("network", f"{inference['model']} on {inference['engine']}"))
        lines.append(("inferences", _inferences(inference)))
    return lines


def next_steps(cameras: Sequence[str], picture: Path) -> list[tuple[str, str]]:
    """Return commands to try, each with what it does.

    Args:
        cameras: names of the webcams that are there.
        picture: a background that was written.
    """
    webcam = cameras[0] if cameras else "your webcam (none is plugged in now)"
    return [
        ("livebg run", f"{webcam}, live in a window; h lists its keys"),
        (f"livebg run --background {picture}", "any picture or video behind you"),
        ("livebg run --virtual-camera", "a camera that video calls can choose"),
        ("livebg video IN.mp4 -o OUT.mp4", "a whole video, its sound included"),
        ("livebg image IN.jpg -o OUT.png --background transparent", "cut a person out"),
    ]


def print_report(
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
    check_output_conflicts(
        {"FILE": arguments.file, **settings_files(arguments, settings)},
        [Written("-o", folder / name) for name in (_REEL, _SHEET, _HILLS)],
    )
    _make_folder(folder)
    clip = arguments.file or _fetch_clip()
    fetch_network(settings)
    return _play(clip, settings, folder, window_wanted=not arguments.no_window)


def _play(clip: Path, settings: Settings, folder: Path, *, window_wanted: bool) -> int:
    from livebg.cli.console import stop_on_signals
    from livebg.cli.outputs import was_recorded
    from livebg.cli.status_line import StatusLine
    from livebg.clock import MonotonicClock
    from livebg.compositing.sheets import landscape
    from livebg.live.hot_swap import build_warmed_up
    from livebg.sinks.pictures import write_picture
    from livebg.sources.video import VideoFile

    line = StatusLine(MonotonicClock())
    with VideoFile(clip) as video:
        info = video.info
    picture = folder / _HILLS
    write_picture(picture, landscape((1280, 720)))
    scenes = _scenes(picture)
    frames = round(_SCENE_S * float(info.frame_rate or settings.fps))
    frames = min(frames, info.frame_count or frames)
    line.say(f"playing {info.name} through {len(scenes)} backgrounds")
    pipeline = build_warmed_up(settings, info.size)
    programme = Programme(pipeline, settings, scenes, frames)
    window = _open_window() if window_wanted else None
    reel = folder / _REEL
    session = _open_session(
        clip, settings, programme, reel, window, len(scenes) * frames, info, line
    )
    try:
        with stop_on_signals(session.stop):
            session.run(on_tick=lambda: _tick(session, programme, window, line))
    finally:
        line.clear()
    sheet = folder / _SHEET
    drawn = _write_sheet(sheet, programme, scenes)
    written = ((reel, was_recorded(session)), (sheet, drawn))
    files = [path for path, done in written if done]
    print_report(session.statistics, files, next_steps(_webcams(), picture))
    return 0


def _scenes(picture: Path) -> list[Scene]:

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
    info: SourceInfo,
    line: StatusLine,
) -> Session:
    from livebg.clock import MonotonicClock
    from livebg.live.session import Session
    from livebg.sinks.recorder import Recorder
    from livebg.sources.base import Excerpt
    from livebg.sources.paced import PacedVideo
    from livebg.sources.video import VideoFile

    def open_source() -> Source:
        scene = programme.scene_frames
        looped = PacedVideo(lambda: Excerpt(VideoFile(clip), scene), MonotonicClock(), loop=True)
        return Excerpt(looped, frames)

    recorder = Recorder(reel, size=info.size, frame_rate=info.frame_rate, live=True)
    sinks = [Reel("recording", recorder, programme)]
    if window is not None:
        sinks.append(Reel("window", window, programme))
    return Session(
        settings,
        source=open_source,
        sinks=sinks,
        build=lambda wanted, size: programme,
        notice=line.say,
    )


def _open_window() -> Window | None:
    """Return a window where there is a display, else None: the demo does not need one."""
    from livebg.sinks.window import Window

    try:
        return Window("livebg demo")
    except SinkUnavailableError:
        return None


def _tick(session: Session, programme: Programme, window: Window | None, line: StatusLine) -> None:
    from livebg.live.controller import Command, command_for, describe

    if session.shown is not None:
        caption = programme.scene_at(session.shown.index).caption
        line.update(f"{caption:30} {describe(session.snapshot())}")
    if window is None:
        return
    if Command.QUIT in map(command_for, window.poll_keys()) or window.closed:
        session.stop()


def _write_sheet(path: Path, programme: Programme, scenes: list[Scene]) -> bool:
    """Write the contact sheet; return False where there was nothing to show."""
    from livebg.compositing.sheets import contact_sheet
    from livebg.sinks.pictures import write_picture

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
    from livebg.sources.devices import list_cameras

    return [camera.name for camera in list_cameras() if not camera.virtual]


def _fetch_clip() -> Path:
    from livebg.sources.demo_clip import ensure_demo_clip

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
