"""What a user can tell a running session, and the keys that say it."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum

from livebg.config.schema import Settings

__all__ = ["KEYS", "Command", "apply", "background_cycle", "command_for", "help_lines"]


class Command(Enum):
    """Something that a user can ask for while a session runs; its value says what it does."""

    NEXT_BACKGROUND = "next background"
    PREVIOUS_BACKGROUND = "previous background"
    BLUR_STRONGER = "more blur"
    BLUR_WEAKER = "less blur"
    MIRROR = "mirror"
    PAUSE = "pause"
    STATISTICS = "statistics"
    SNAPSHOT = "save a snapshot"
    HELP = "show the keys"
    QUIT = "quit"


KEYS: dict[str, Command] = {
    "n": Command.NEXT_BACKGROUND,
    "p": Command.PREVIOUS_BACKGROUND,
    "+": Command.BLUR_STRONGER,
    "=": Command.BLUR_STRONGER,
    "-": Command.BLUR_WEAKER,
    "m": Command.MIRROR,
    " ": Command.PAUSE,
    "i": Command.STATISTICS,
    "s": Command.SNAPSHOT,
    "h": Command.HELP,
    "q": Command.QUIT,
    "escape": Command.QUIT,
}
"""Commands by key, as ``Window.poll_keys`` names keys. ``=`` is ``+`` without Shift."""

_STANDARD_BACKGROUNDS = ("blur", "white", "gray", "color:#00b140")
"""What the keys go through. ``none`` is not among them: a slip must not show the room."""

_PLAIN_BLUR = 50
"""Strength that ``blur`` without a number stands for."""

_BLUR_STEP = 10
_BLUR_RANGE = (0, 100)

_KEY_NAMES = {" ": "space", "escape": "Esc"}


def command_for(key: str) -> Command | None:
    """Return what ``key`` stands for, or None.

    Example:
        >>> command_for("M")
        <Command.MIRROR: 'mirror'>
    """
    return KEYS.get(key.lower())


def background_cycle(chosen: str) -> tuple[str, ...]:
    """Return the backgrounds that the keys go through in a session that starts with ``chosen``.

    The user's own comes first. One that is standard but for its strength (``blur:80``) takes that
    one's place.

    Example:
        >>> background_cycle("office.jpg")
        ('office.jpg', 'blur', 'white', 'gray', 'color:#00b140')
    """
    others = (spec for spec in _STANDARD_BACKGROUNDS if _kind(spec) != _kind(chosen))
    return (chosen, *others)


def apply(
    command: Command,
    settings: Settings,
    backgrounds: tuple[str, ...] = _STANDARD_BACKGROUNDS,
) -> Settings:
    """Return ``settings`` as ``command`` changes them.

    Commands that change no setting (pause, snapshot ...) return ``settings`` itself, and so does a
    change of blur while the background is not blurred, or is at its limit.

    Args:
        command: what the user asked for.
        settings: what holds now.
        backgrounds: what `Command.NEXT_BACKGROUND` goes through, from `background_cycle`.

    Example:
        >>> apply(Command.BLUR_STRONGER, Settings(background="blur:95")).background
        'blur:100'
    """
    match command:
        case Command.NEXT_BACKGROUND:
            return replace(settings, background=_neighbour(settings.background, backgrounds, 1))
        case Command.PREVIOUS_BACKGROUND:
            return replace(settings, background=_neighbour(settings.background, backgrounds, -1))
        case Command.BLUR_STRONGER:
            return _with_blur(settings, _BLUR_STEP)
        case Command.BLUR_WEAKER:
            return _with_blur(settings, -_BLUR_STEP)
        case Command.MIRROR:
            return replace(settings, mirror=not settings.mirror)
        case _:
            return settings


def help_lines() -> list[str]:
    """Return one line a command, with its keys, for the window's overlay.

    Example:
        >>> help_lines()[0]
        'n: next background'
    """
    return [
        f"{' or '.join(_KEY_NAMES.get(key, key) for key in _keys_of(command))}: {command.value}"
        for command in Command
    ]


def _keys_of(command: Command) -> list[str]:
    return [key for key, other in KEYS.items() if other is command]


def _kind(background: str) -> str:
    """Return a specification without its strength: all blurs are one background."""
    return "blur" if _blur_strength(background) is not None else background


def _neighbour(background: str, backgrounds: tuple[str, ...], step: int) -> str:
    kinds = [_kind(spec) for spec in backgrounds]
    if _kind(background) not in kinds:
        return backgrounds[0]
    return backgrounds[(kinds.index(_kind(background)) + step) % len(backgrounds)]


def _blur_strength(background: str) -> int | None:
    """Return the strength of a blurred background, 0..100, or None for any other background."""
    name, _, number = background.partition(":")
    if name != "blur":
        return None
    if not number:
        return _PLAIN_BLUR
    return int(float(number))


def _with_blur(settings: Settings, step: int) -> Settings:
    strength = _blur_strength(settings.background)
    if strength is None:
        return settings
    low, high = _BLUR_RANGE
    changed = min(high, max(low, strength + step))
    if changed == strength:
        return settings
    return replace(settings, background=f"blur:{changed}")
