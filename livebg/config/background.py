"""What the user puts behind the person: the text of ``--background``, parsed once."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from livebg.errors import InputError, UsageError, did_you_mean

__all__ = [
    "Background",
    "Blur",
    "Colour",
    "Grey",
    "Picture",
    "Transparent",
    "Unfiltered",
    "Video",
    "parse_background",
]

_WORDS = ("blur", "white", "gray", "color:", "transparent", "none")
_VIDEO_ENDINGS = {".avi", ".gif", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm"}
_COLOUR = re.compile(r"#?([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})", re.IGNORECASE)


class Background:
    """Base class of all backgrounds: frozen values, ``str`` of which is what the user writes.

    ``livebg.backgrounds.open_background`` makes the plate of the kinds below. A kind of one's own
    implements ``open``, and should be a frozen dataclass: an equal background is not opened again.
    """

    transparent: ClassVar[bool] = False
    """Whether composites are BGRA cut-outs."""
    shows_room: ClassVar[bool] = False
    """Whether frames are shown unfiltered."""

    def open(self) -> Any:
        """Return the ``livebg.compositing.backgrounds.Plate`` of a background of one's own.

        Raises:
            InputError: what it is made of cannot be read.
        """
        raise NotImplementedError(f"{type(self).__name__}.open")


@dataclass(frozen=True, slots=True)
class Blur(Background):
    """The blurred room; ``strength`` is 0 (light, but still unreadable) to 100.

    Example:
        >>> str(Blur(80)), str(Blur())
        ('blur:80', 'blur')
    """

    strength: float = 50.0

    def __str__(self) -> str:
        return "blur" if self == Blur() else f"blur:{self.strength:g}"

    def changed(self, step: float) -> Blur:
        """Return a blur that is stronger by ``step``, within 0..100."""
        return Blur(min(100.0, max(0.0, self.strength + step)))


@dataclass(frozen=True, slots=True)
class Colour(Background):
    """One colour; each channel is 0..255."""

    blue: int
    green: int
    red: int

    def __str__(self) -> str:
        code = f"{self.red:02x}{self.green:02x}{self.blue:02x}"
        return "white" if code == "ffffff" else f"color:#{code}"


@dataclass(frozen=True, slots=True)
class Grey(Background):
    """The room in shades of grey."""

    def __str__(self) -> str:
        return "gray"


@dataclass(frozen=True, slots=True)
class _File(Background):
    path: Path

    def __str__(self) -> str:
        return str(self.path)


class Picture(_File):
    """A picture that covers the frame."""

    __slots__ = ()


class Video(_File):
    """A video or an animated GIF that covers the frame and starts again when it is over."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Transparent(Background):
    """No background: the person is cut out."""

    transparent: ClassVar[bool] = True

    def __str__(self) -> str:
        return "transparent"


@dataclass(frozen=True, slots=True)
class Unfiltered(Background):
    """The room as it is: the only background with which the frame itself is shown."""

    shows_room: ClassVar[bool] = True

    def __str__(self) -> str:
        return "none"


def parse_background(text: str) -> Background:
    """Return the background that ``text`` names; a file must be there, but is not opened.

    Args:
        text: ``blur``, ``blur:0..100``, ``white``, ``gray``, ``color:#rrggbb``, ``transparent``,
            ``none``, in upper or lower case, or the path of a picture, video or GIF.

    Raises:
        UsageError: it is none of these.
        InputError: it is a folder, or a file that may not be read.

    Example:
        >>> parse_background("Color:#00b140")
        Colour(blue=64, green=177, red=0)
    """
    word, colon, value = text.strip().partition(":")
    match word.lower(), colon:
        case "blur", _:
            return Blur(_strength(text, value)) if colon else Blur()
        case "color" | "colour", _:
            return _colour(text, value)
        case "white", "":
            return Colour(255, 255, 255)
        case "gray" | "grey", "":
            return Grey()
        case "transparent", "":
            return Transparent()
        case "none", "":
            return Unfiltered()
    return _file(text)


def _strength(text: str, number: str) -> float:
    try:
        strength = float(number)
    except ValueError:
        strength = -1.0
    if not 0 <= strength <= 100:
        raise UsageError(f"background {text!r}: the strength of a blur is a number from 0 to 100")
    return strength


def _colour(text: str, value: str) -> Colour:
    channels = _COLOUR.fullmatch(value.strip())
    if channels is None:
        raise UsageError(
            f"background {text!r}: a colour is written as six hexadecimal digits, "
            "for example color:#00ff00"
        )
    red, green, blue = (int(digits, 16) for digits in channels.groups())
    return Colour(blue, green, red)


def _file(text: str) -> Background:
    path = Path(os.path.expanduser(text))
    if not text or not os.path.exists(path):
        raise UsageError(
            f"background {text!r} is neither a file nor one of {', '.join(_WORDS)}"
            f"{did_you_mean(text, _WORDS)}"
        )
    if path.is_dir():
        raise InputError(f"background {text!r}: this is a folder, name a picture or a video")
    if not os.access(path, os.R_OK):
        raise InputError(f"background {text!r}: the file may not be read, change its permissions")
    return Video(path) if path.suffix.lower() in _VIDEO_ENDINGS else Picture(path)
