"""Opens the live source that a camera selector names, again and again while a session runs."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from livebg.clock import Clock, MonotonicClock
from livebg.config.camera import CameraKind, CameraSelector, parse_camera
from livebg.config.settings import Settings
from livebg.errors import LivebgError
from livebg.frame import Size
from livebg.platform.cameras import shortfalls
from livebg.plugins import make_registered
from livebg.sources.base import Source, SourceInfo

__all__ = ["LiveSource", "open_live", "source_report"]


def open_live(
    selector: CameraSelector,
    *,
    size: Size | None,
    fps: float,
    clock: Clock | None = None,
    loop: bool = True,
) -> Source:
    """Open a camera, or a video that pretends to be one.

    Args:
        selector: the camera, or the video file or folder of pictures to play.
        size: ``(width, height)`` to ask of a camera; files have their own.
        fps: frames per second to ask of a camera, and those of a folder of pictures.
        clock: paces a file and stamps a camera's frames.
        loop: start a file again when it is over.

    Raises:
        InputError: the file or folder cannot be read.
        SourceUnavailableError: there is no such camera, or it cannot be opened.
    """
    clock = clock or MonotonicClock()
    if selector.kind is CameraKind.REGISTERED:
        registered: Source = make_registered("sources", selector.text, Source)
        return registered
    if selector.kind is not CameraKind.FILE:
        from livebg.sources.camera import Camera

        return Camera(selector, size=size, fps=fps, clock=clock)
    from livebg.sources.paced import PacedVideo
    from livebg.sources.pictures import PictureFolder
    from livebg.sources.video import VideoFile

    path, rate = selector.path, Fraction(fps).limit_denominator(1001)

    def open_file() -> Source:
        return PictureFolder(path, rate) if path.is_dir() else VideoFile(path)

    return PacedVideo(open_file, clock, loop=loop)


def source_report(info: SourceInfo) -> list[str]:
    """Return one sentence on what a source was asked for and what it gives, and one on a shortfall.

    Example:
        >>> source_report(SourceInfo("talk.mp4", (640, 360), Fraction(30), 72, live=True))
        ['talk.mp4, 640x360 at 30 frames/s']
    """
    if info.granted is None:
        rate = f" at {float(info.frame_rate):.3g} frames/s" if info.frame_rate else ""
        return [f"{info.name}, {info.size[0]}x{info.size[1]}{rate}"]
    if info.asked is None:
        return [f"{info.name}: got {info.granted}"]
    report = [f"{info.name}: asked for {info.asked}, got {info.granted}"]
    lacking = shortfalls(info.asked, info.granted)
    if lacking:
        advice = (
            "a camera in the network is set up on itself"
            if "://" in info.name
            else "`livebg cameras` lists what each camera can do"
        )
        report.append(f"warning: {info.name} {' and '.join(lacking)}; {advice}")
    return report


class LiveSource:
    """Opens the source that a session's settings name, and finds the same device again.

    Args:
        settings: name the camera, its size and its rate.
        loop: start a video again when it is over.
        notice: told that another camera cannot be opened, and what is different about a source
            that was opened again.
    """

    def __init__(self, settings: Settings, *, loop: bool, notice: Callable[[str], None]) -> None:
        self._settings = settings
        self._selector = settings.camera
        self._requested: Settings | None = None
        self._loop = loop
        self._notice = notice
        self._info: SourceInfo | None = None

    def request(self, settings: Settings) -> None:
        """Open the source of ``settings`` from the next time on, or the old one if that fails."""
        self._requested = settings

    def open(self) -> Source:
        """Open the source; called by one thread at a time.

        Raises:
            LivebgError: it cannot be opened.
        """
        requested, self._requested = self._requested, None
        if requested is not None:
            same = requested.camera == self._settings.camera
            try:
                source = self._open(requested, self._selector if same else requested.camera)
            except LivebgError as error:
                self._notice(f"{error}; the camera stays as it was")
            else:
                self._settings = requested
                return source
        return self._open(self._settings, self._selector)

    def _open(self, settings: Settings, selector: CameraSelector) -> Source:
        source = open_live(selector, size=settings.size, fps=settings.fps, loop=self._loop)
        # A camera that comes back may have another number; its id stays.
        found = getattr(source, "id", None)
        self._selector = selector if found is None else parse_camera(found)
        # Of the first source, the session tells when it begins.
        before, self._info = self._info, source.info
        if before is not None and source.info != before:
            for sentence in source_report(source.info):
                self._notice(sentence)
        return source
