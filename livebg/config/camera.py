"""Which camera the user means: the text of ``--camera``, parsed once."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from livebg.errors import InputError
from livebg.plugins import is_registered

__all__ = ["CameraKind", "CameraSelector", "parse_camera"]


class CameraKind(Enum):
    """What the text of a selector is."""

    AUTO = "the first camera"
    INDEX = "a number"
    DEVICE = "an absolute path that is no file: a device node, or a link to one"
    NAME = "a part of a camera's name, or its id"
    URL = "the address of a stream"
    FILE = "a video file, or a folder of pictures"
    REGISTERED = "NAME:ARGUMENT of a source that another package registers"


@dataclass(frozen=True, slots=True)
class CameraSelector:
    """A camera, or what is played as if it were one, by the ``text`` that the user wrote."""

    kind: CameraKind = CameraKind.AUTO
    text: str = "auto"

    def __str__(self) -> str:
        return self.text

    @property
    def path(self) -> Path:
        """The file, folder or device that ``text`` names."""
        return Path(os.path.expanduser(self.text))


def parse_camera(text: str) -> CameraSelector:
    """Return the camera that ``text`` names; whether it is plugged in shows when it is opened.

    Raises:
        InputError: it is the path of a file that is missing or may not be looked at.

    Example:
        >>> parse_camera("rtsp://desk/stream").kind
        <CameraKind.URL: 'the address of a stream'>
    """
    if "://" in text:
        return CameraSelector(CameraKind.URL, text)
    if text.lower() == "auto":
        return CameraSelector()
    if is_registered("sources", text):
        return CameraSelector(CameraKind.REGISTERED, text)
    path = Path(os.path.expanduser(text))
    try:
        is_file = path.is_dir() or path.is_file()
    except OSError as error:
        raise InputError(
            f"{path}: this cannot be read ({error.strerror}), check the path and its permissions"
        ) from error
    if is_file:
        return CameraSelector(CameraKind.FILE, text)
    if os.sep in text and not text.startswith("/dev/"):
        raise InputError(
            f"there is no video file or folder {text}; check the path, or name a camera "
            "(`livebg cameras` lists them)"
        )
    if text.isdecimal():
        return CameraSelector(CameraKind.INDEX, text)
    return CameraSelector(CameraKind.DEVICE if os.path.isabs(text) else CameraKind.NAME, text)
