"""From what the user wrote after ``--camera`` to a live source."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

from livebg.clock import Clock, MonotonicClock
from livebg.errors import InputError
from livebg.frame import Size
from livebg.sources.base import Source

__all__ = ["open_live"]


def open_live(
    selector: str,
    *,
    size: Size | None,
    fps: float,
    clock: Clock | None = None,
    loop: bool = True,
) -> Source:
    """Open a camera, or a video that pretends to be one.

    Args:
        selector: ``auto``, an index, a path, a part of a camera's name, a URL, a video file, or a
            folder of pictures.
        size: ``(width, height)`` to ask of a camera; files have their own.
        fps: frames per second to ask of a camera, and those of a folder of pictures.
        clock: paces a file and stamps a camera's frames.
        loop: start a file again when it is over.

    Raises:
        InputError: the file or folder is missing, or cannot be read.
        SourceUnavailableError: there is no such camera, or it cannot be opened.
    """
    clock = clock or MonotonicClock()
    path = Path(os.path.expanduser(selector))
    is_folder, is_file = (False, False) if "://" in selector else _kind(path)
    if is_folder:
        from livebg.sources.paced import PacedVideo
        from livebg.sources.pictures import PictureFolder

        rate = Fraction(fps).limit_denominator(1001)
        return PacedVideo(lambda: PictureFolder(path, rate), clock, loop=loop)
    if is_file:
        from livebg.sources.paced import PacedVideo
        from livebg.sources.video import VideoFile

        return PacedVideo(lambda: VideoFile(path), clock, loop=loop)
    if _names_a_file(selector):
        raise InputError(
            f"there is no video file or folder {selector}; check the path, or name a camera "
            "(`livebg cameras` lists them)"
        )
    from livebg.sources.camera import Camera

    return Camera(selector, size=size, fps=fps, clock=clock)


def _kind(path: Path) -> tuple[bool, bool]:
    """Return whether ``path`` is a folder, and whether it is a file."""
    try:
        return path.is_dir(), path.is_file()
    except OSError as error:
        raise InputError(
            f"{path}: this cannot be read ({error.strerror}), check the path and its permissions"
        ) from error


def _names_a_file(selector: str) -> bool:
    """Say whether ``selector`` can only be a path: device nodes and URLs have slashes too."""
    return os.sep in selector and "://" not in selector and not selector.startswith("/dev/")
