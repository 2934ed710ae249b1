"""What a user can tell a running session, and the keys that say it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from livebg.config.blur import BLUR_RANGE, blur_strength
from livebg.config.preset_change import preset_of, with_preset
from livebg.config.presets import BY_COST, DEFAULT_PRESET
from livebg.config.schema import Settings

__all__ = ["KEYS", "Choices", "Command", "announcement", "apply", "command_for", "help_lines"]


class Command(Enum):
    """Something that a user can ask for while a session runs; its value says what it does."""

    NEXT_BACKGROUND = "next background"
    PREVIOUS_BACKGROUND = "previous background"
    BLUR_STRONGER = "more blur"
    BLUR_WEAKER = "less blur"
    MIRROR = "mirror"
    AUTO_FRAME = "auto-framing"
    NEXT_PRESET = "next preset"
    NEXT_NETWORK = "next network"
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
    "f": Command.AUTO_FRAME,
    "t": Command.NEXT_PRESET,
    "k": Command.NEXT_NETWORK,
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

_AUTO_FRAME = 60.0
"""Strength of auto-framing for those who named none."""

_BLUR_STEP = 10

_KEY_NAMES = {" ": "space", "escape": "Esc"}


def command_for(key: str) -> Command | None:
    """Return what ``key`` stands for, or None.

    Example:
        >>> command_for("M")
        <Command.MIRROR: 'mirror'>
    """
    return KEYS.get(key.lower())


@dataclass(frozen=True, slots=True)
class Choices:
    """What the keys of one session go through.

    Attributes:
        backgrounds: specifications; the user's own comes first. One that is standard but for its
            strength (``blur:80``) takes that one's place.
        auto_frame: strength of auto-framing, when it is on.
        networks: names of the networks that are on this machine.
    """

    backgrounds: tuple[str, ...]
    auto_frame: float = _AUTO_FRAME
    networks: tuple[str, ...] = ()

    @classmethod
    def of(cls, settings: Settings, networks: Sequence[str] = ()) -> Choices:
        """Return the choices of a session that starts with ``settings``.

        Example:
            >>> Choices.of(Settings(background="office.jpg")).backgrounds
            ('office.jpg', 'blur', 'white', 'gray', 'color:#00b140')
        """
        chosen = settings.background
        others = (spec for spec in _STANDARD_BACKGROUNDS if _kind(spec) != _kind(chosen))
        own = () if settings.model in networks else (settings.model,)
        return cls((chosen, *others), settings.auto_frame or _AUTO_FRAME, (*own, *networks))


def apply(command: Command, settings: Settings, choices: Choices) -> Settings:
    """Return ``settings`` as ``command`` changes them.

    Commands that change no setting (pause, snapshot ...) return ``settings`` itself, and so does
    one that has nothing to change: the blur while the background is not blurred or is at its limit.

    Args:
        command: what the user asked for.
        settings: what holds now.
        choices: what the keys go through.

    Raises:
        SettingsError: a preset's file cannot be read.

    Example:
        >>> blurred = Settings(background="blur:95")
        >>> apply(Command.BLUR_STRONGER, blurred, Choices.of(blurred)).background
        'blur:100'
    """
    match command:
        case Command.NEXT_BACKGROUND:
            return _with_background(settings, choices.backgrounds, 1)
        case Command.PREVIOUS_BACKGROUND:
            return _with_background(settings, choices.backgrounds, -1)
        case Command.BLUR_STRONGER:
            return _with_blur(settings, _BLUR_STEP)
        case Command.BLUR_WEAKER:
            return _with_blur(settings, -_BLUR_STEP)
        case Command.MIRROR:
            return replace(settings, mirror=not settings.mirror)
        case Command.AUTO_FRAME:
            return replace(settings, auto_frame=0.0 if settings.auto_frame else choices.auto_frame)
        case Command.NEXT_PRESET:
            return with_preset(settings, _following(preset_of(settings), BY_COST, DEFAULT_PRESET))
        case Command.NEXT_NETWORK if len(choices.networks) > 1:
            following = _following(settings.model, choices.networks, choices.networks[0])
            return replace(settings, model=following)
        case _:
            return settings


def announcement(command: Command, settings: Settings) -> str:
    """Say in words what ``command`` has led to where the picture does not show it at once.

    Args:
        command: what the user asked for.
        settings: what is wanted now.

    Returns:
        Nothing for commands that can be seen.

    Example:
        >>> announcement(Command.AUTO_FRAME, Settings(auto_frame=60))
        'auto-framing 60'
    """
    match command:
        case Command.AUTO_FRAME:
            return (
                f"auto-framing {settings.auto_frame:g}"
                if settings.auto_frame
                else "no auto-framing"
            )
        case Command.NEXT_PRESET:
            return f"preset {preset_of(settings)}"
        case Command.NEXT_NETWORK:
            return f"network {settings.model}"
        case _:
            return ""


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
    return "blur" if blur_strength(background) is not None else background


def _with_background(settings: Settings, backgrounds: tuple[str, ...], step: int) -> Settings:
    kinds = [_kind(spec) for spec in backgrounds]
    kind = _kind(settings.background)
    place = (kinds.index(kind) + step) % len(kinds) if kind in kinds else 0
    return replace(settings, background=backgrounds[place])


def _following(name: str | None, names: tuple[str, ...], otherwise: str) -> str:
    """Return the one after ``name``, the first after the last, ``otherwise`` if it is not there."""
    if name not in names:
        return otherwise
    return names[(names.index(name) + 1) % len(names)]


def _with_blur(settings: Settings, step: int) -> Settings:
    strength = blur_strength(settings.background)
    if strength is None:
        return settings
    low, high = BLUR_RANGE
    changed = min(high, max(low, strength + step))
    if changed == strength:
        return settings
    return replace(settings, background=f"blur:{changed:.0f}")
