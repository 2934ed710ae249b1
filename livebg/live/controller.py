"""What a user can tell a running session, and the keys that say it.

The configuration file of a running session: what changes in it changes the session.

The preview window's keyboard and overlay, served between two pictures of a live session.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any

from livebg.cli.live_status import LiveLine, describe
from livebg.config.background import Background, Blur, Colour, Grey
from livebg.config.load import BY_COST, DEFAULT_PRESET, preset_of, with_preset
from livebg.config.settings import Settings, same_camera
from livebg.config.watch import WatchedFile
from livebg.errors import LivebgError, SettingsError
from livebg.frame import BGR
from livebg.live.session import Session
from livebg.models.weights import networks_here
from livebg.sinks.window import Window

__all__ = [
    "KEYS",
    "Choices",
    "Command",
    "LiveConfig",
    "LiveController",
    "announcement",
    "apply",
    "command_for",
    "help_lines",
]


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

_STANDARD_BACKGROUNDS = (Blur(), Colour(255, 255, 255), Grey(), Colour(64, 177, 0))
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
        backgrounds: the user's own comes first, and takes the place of the same kind's standard.
        auto_frame: strength of auto-framing, when it is on.
        networks: names of the networks that are on this machine.
    """

    backgrounds: tuple[Background, ...]
    auto_frame: float = _AUTO_FRAME
    networks: tuple[str, ...] = ()

    @classmethod
    def of(cls, settings: Settings, networks: Sequence[str] = ()) -> Choices:
        """Return the choices of a session that starts with ``settings``.

        Example:
            >>> [str(choice) for choice in Choices.of(Settings(background="gray")).backgrounds]
            ['gray', 'blur', 'white', 'color:#00b140']
        """
        chosen = settings.background
        others = (other for other in _STANDARD_BACKGROUNDS if not _alike(other, chosen))
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
        Blur(strength=100.0)
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


def _alike(one: Background, other: Background) -> bool:
    """Say whether the keys take both for the same: all blurs are."""
    return one == other or (isinstance(one, Blur) and isinstance(other, Blur))


def _with_background(
    settings: Settings, backgrounds: tuple[Background, ...], step: int
) -> Settings:
    places = [i for i, other in enumerate(backgrounds) if _alike(other, settings.background)]
    place = (places[0] + step) % len(backgrounds) if places else 0
    return replace(settings, background=backgrounds[place])


def _following(name: str | None, names: tuple[str, ...], otherwise: str) -> str:
    """Return the one after ``name``, the first after the last, ``otherwise`` if it is not there."""
    if name not in names:
        return otherwise
    return names[(names.index(name) + 1) % len(names)]


def _with_blur(settings: Settings, step: int) -> Settings:
    if not isinstance(settings.background, Blur):
        return settings
    return replace(settings, background=settings.background.changed(step))


class LiveConfig:
    """Turns changes of a file into changes of settings.

    Only what has another value than when the file was read last is changed, so what the user
    chose by hand in the meantime stays; so does what the command line or the environment says.

    Args:
        file: the file.
        load: reads all layers of settings again, the file among them.
        loaded: what that gave when the session started.
        say: told in one sentence what the file is about to change, or why it changes nothing.
    """

    def __init__(
        self,
        file: WatchedFile,
        load: Callable[[], Settings],
        loaded: Settings,
        say: Callable[[str], None],
    ) -> None:
        self._file = file
        self._load = load
        self._loaded = loaded
        self._say = say
        self._replaced: dict[str, Any] = {}
        """What the last change of the file replaced; a session that refuses goes back to it."""

    def follow(self, settings: Settings) -> Settings:
        """Return ``settings`` with what has changed in the file; the same if it is not valid."""
        if not self._file.changed():
            return settings
        try:
            loaded = self._load()
        except SettingsError as error:
            self._say(f"{error}; the settings stay as they were")
            return settings
        if not self._file.is_as_told():  # It was being written anew while it was read.
            return settings
        changes = _differences(self._heeded(settings), loaded)
        self._loaded = loaded
        self._replaced = {name: getattr(settings, name) for name in changes}
        if changes:
            self._say(f"{self._file.path}: changing {', '.join(changes)}")
        return replace(settings, **changes)

    def _heeded(self, settings: Settings) -> Settings:
        """Return what was read last, without what the session has refused of it since."""
        refused = {
            name: before
            for name, before in self._replaced.items()
            if getattr(settings, name) == before
        }
        return replace(self._loaded, **refused)


def _differences(old: Settings, new: Settings) -> dict[str, Any]:
    values = {item.name: getattr(new, item.name) for item in fields(Settings)}
    return {name: value for name, value in values.items() if value != getattr(old, name)}


class LiveController:
    """Turns keys into what the session does. Belongs to the main thread.

    Args:
        session: what is steered.
        window: where keys come from; None for a session without one.
        line: says what happened, and how the session is doing.
        snapshots: folder that snapshots go to.
        config: the configuration file to follow; None where there is none.
        on_camera: told of settings that name another camera, size or rate, before the session is.
    """

    def __init__(
        self,
        session: Session,
        window: Window | None,
        line: LiveLine,
        snapshots: Path,
        *,
        config: LiveConfig | None = None,
        on_camera: Callable[[Settings], None] = lambda settings: None,
    ) -> None:
        self._session = session
        self._window = window
        self._line = line
        self._snapshots = snapshots
        self._config = config
        self._on_camera = on_camera
        self._choices = Choices.of(session.settings, () if window is None else networks_here())
        self._overlay: Command | None = None

    def tick(self) -> None:
        """Do what the user asked for since the last call."""
        snapshot = self._session.snapshot()
        if self._session.resting:
            self._line.update("waiting for an app to open the virtual camera")
        elif snapshot.rate_fps:
            self._line.update(describe(snapshot))
        if self._config is not None:
            self._change(self._config.follow(self._session.wanted))
        if self._window is None:
            return
        for key in self._window.poll_keys():
            command = command_for(key)
            if command is not None:
                self._obey(command)
        if self._window.closed:
            self._session.stop()
        self._window.overlay = {
            Command.HELP: help_lines(),
            Command.STATISTICS: describe(snapshot).split(", "),
        }.get(self._overlay or Command.QUIT, [])

    def _obey(self, command: Command) -> None:
        match command:
            case Command.QUIT:
                self._session.stop()
            case Command.PAUSE:
                self._session.pause(not self._session.paused)
            case Command.SNAPSHOT:
                self._save_snapshot()
            case Command.HELP | Command.STATISTICS:
                self._overlay = None if self._overlay is command else command
            case _:
                self._steer(command)

    def _steer(self, command: Command) -> None:
        """Change the settings as ``command`` says; announce what is not to be seen at once."""
        if command is Command.NEXT_NETWORK and len(self._choices.networks) < 2:
            self._line.say("no other network is here; `livebg models pull NAME` fetches one")
            return
        changed = apply(command, self._session.wanted, self._choices)
        self._change(changed)
        if said := announcement(command, changed):
            self._line.say(said)

    def _change(self, changed: Settings) -> None:
        wanted = self._session.wanted
        if changed == wanted:
            return
        if not same_camera(changed, wanted):
            self._on_camera(changed)
        self._session.change(changed)

    def _save_snapshot(self) -> None:
        from livebg.sinks.base import repacked
        from livebg.sinks.pictures import write_picture

        shown = self._session.shown
        if shown is None:
            return
        path = self._snapshots / f"livebg-{datetime.now():%Y%m%d-%H%M%S-%f}.png"
        try:
            write_picture(path, repacked(shown, BGR))
        except LivebgError as error:
            self._line.say(str(error))
        else:
            self._line.say(f"saved {path}")
