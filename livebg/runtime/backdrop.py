"""What the user wrote after ``--background`` becomes a backdrop."""

from __future__ import annotations

import os.path
import re
from functools import partial
from pathlib import Path

from livebg.compose.blur import BlurPlate
from livebg.compose.compositor import Backdrop
from livebg.compose.plates import GreyPlate, MovingPlate, StillPlate
from livebg.config.blur import blur_strength
from livebg.errors import UsageError
from livebg.nearest import did_you_mean
from livebg.runtime.looped_video import LoopedVideo
from livebg.runtime.read_ahead import ReadAhead
from livebg.source.picture import read_picture
from livebg.source.video import VideoFile

__all__ = ["open_backdrop"]

_WORDS = ("blur", "white", "gray", "color:", "transparent", "none")
_MOVING = {".avi", ".gif", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm"}
_COLOUR = re.compile(r"#?([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})", re.IGNORECASE)


def open_backdrop(spec: str) -> Backdrop:
    """Open a background.

    Args:
        spec: ``blur``, ``blur:0..100``, ``white``, ``gray``, ``color:#rrggbb``, ``transparent``,
            ``none``, or the path of a picture, video or GIF.

    Raises:
        UsageError: it is none of these.
        InputError: the file cannot be read.

    Example:
        >>> open_backdrop("transparent")
        'transparent'
    """
    strength = blur_strength(spec)
    if strength is not None:
        return BlurPlate(strength)
    word, _, value = spec.partition(":")
    match word.lower():
        case "transparent" if not value:
            return "transparent"
        case "none" if not value:
            return "none"
        case "white" if not value:
            return StillPlate.of_colour(255, 255, 255)
        case "gray" | "grey" if not value:
            return GreyPlate()
        case "color" | "colour":
            return _colour(spec, value)
    return _file(spec)


def _colour(spec: str, value: str) -> StillPlate:
    channels = _COLOUR.fullmatch(value)
    if channels is None:
        raise UsageError(
            f"background {spec!r}: a colour is written as six hexadecimal digits, "
            "for example color:#00ff00"
        )
    red, green, blue = (int(digits, 16) for digits in channels.groups())
    return StillPlate.of_colour(blue, green, red)


def _file(spec: str) -> Backdrop:
    path = Path(os.path.expanduser(spec))
    if not os.path.exists(path):
        raise UsageError(
            f"background {spec!r} is neither a file nor one of {', '.join(_WORDS)}"
            f"{did_you_mean(spec, _WORDS)}"
        )
    if path.suffix.lower() not in _MOVING:
        return StillPlate(read_picture(path))
    video = LoopedVideo(partial(ReadAhead, partial(VideoFile, path)))
    return MovingPlate(video.picture_at, video.close)
