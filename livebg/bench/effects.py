"""The backgrounds that are measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

__all__ = ["EFFECTS", "open_effects"]

EFFECTS = ("picture", "blur")
"""A still picture, the cheapest background, and a blur, which costs some work on every frame."""

_PICTURE_SIZE = (1920, 1080)


def open_effects(names: Sequence[str], folder: Path) -> dict[str, str]:
    """Return the setting ``background`` of each effect, by name.

    Args:
        names: of ``EFFECTS``.
        folder: where a picture is drawn into; it must stay while the effects are used.

    Raises:
        SinkError: the picture cannot be written.
    """
    from livebg.compose.landscape import landscape
    from livebg.sink.picture_file import write_picture

    backgrounds = {}
    for name in names:
        if name == "picture":
            path = folder / "picture.png"
            write_picture(path, landscape(_PICTURE_SIZE))
            backgrounds[name] = str(path)
        else:
            backgrounds[name] = name
    return backgrounds
