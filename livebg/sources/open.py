"""A camera selector becomes a live source."""

from __future__ import annotations

from fractions import Fraction

from livebg.clock import Clock, MonotonicClock
from livebg.config.camera import CameraKind, CameraSelector
from livebg.frame import Size
from livebg.sources.base import Source

__all__ = ["open_live"]


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
        InputError: the file or folder is missing, or cannot be read.
        SourceUnavailableError: there is no such camera, or it cannot be opened.
    """
    clock = clock or MonotonicClock()
    path = selector.path
    if selector.kind is CameraKind.FILE and path.is_dir():
        from livebg.sources.paced import PacedVideo
        from livebg.sources.pictures import PictureFolder

        rate = Fraction(fps).limit_denominator(1001)
        return PacedVideo(lambda: PictureFolder(path, rate), clock, loop=loop)
    if selector.kind is CameraKind.FILE:
        from livebg.sources.paced import PacedVideo
        from livebg.sources.video import VideoFile

        return PacedVideo(lambda: VideoFile(path), clock, loop=loop)
    from livebg.sources.camera import Camera

    return Camera(selector, size=size, fps=fps, clock=clock)
