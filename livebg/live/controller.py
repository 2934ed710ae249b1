"""The live controller: keys, the configuration file and programs change a running session here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any

from livebg.config.background import Background, Blur, Colour, Grey
from livebg.config.load import BY_COST, DEFAULT_PRESET, change_settings, preset_of, with_preset
from livebg.config.settings import SETTINGS, Settings
from livebg.config.watch import WatchedFile
from livebg.errors import LivebgError, SettingsError
from livebg.frame import BGR
from livebg.live.session import Session
from livebg.live.statistics import StatisticsSnapshot
from livebg.models.weights import networks_here
from livebg.sinks.window import Window

__all__ = [
    "Choices",
    "Command",
    "LiveConfig",
    "LiveController",
    "apply",
    "command_for",
    "describe",
    "help_lines",
]

_STANDARD_BACKGROUNDS = (Blur(), Colour(255, 255, 255), Grey(), Colour(64, 177, 0))
"""What the keys go through. ``none`` is not among them: a slip must not show the room."""

_AUTO_FRAME = 60.0
"""Strength of auto-framing where the settings have none."""
_BLUR_STEP = 10
_KEY_NAMES = {" ": "space", "escape": "Esc"}


class Command(Enum):
    """A command of the window's keyboard: its keys, as ``Window.poll_keys`` names them, and words.

    ``=`` is ``+`` without Shift.
    """

    NEXT_BACKGROUND = ("n",), "next background"
    PREVIOUS_BACKGROUND = ("p",), "previous background"
    BLUR_STRONGER = ("+", "="), "more blur"
    BLUR_WEAKER = ("-",), "less blur"
    MIRROR = ("m",), "mirror"
    AUTO_FRAME = ("f",), "auto-framing"
    NEXT_PRESET = ("t",), "next preset"
    NEXT_NETWORK = ("k",), "next network"
    PAUSE = (" ",), "pause"
    STATISTICS = ("i",), "statistics"
    SNAPSHOT = ("s",), "save a snapshot"
    HELP = ("h",), "show the keys"
    QUIT = ("q", "escape"), "quit"


def command_for(key: str) -> Command | None:
    """Return the command of ``key``, or None."""
    return next((command for command in Command if key.lower() in command.value[0]), None)


def help_lines() -> list[str]:
    """Return one line a command, with its keys, for the window's overlay."""
    return [
        f"{' or '.join(_KEY_NAMES.get(key, key) for key in keys)}: {words}"
        for keys, words in (command.value for command in Command)
    ]


def describe(snapshot: StatisticsSnapshot) -> str:
    """Return the numbers of a status line in words.

    Example:
        >>> describe(StatisticsSnapshot(29.97, 6.1, 9.4, 0.31, 2, 4.2))
        '30.0 frames/s, latency 6 ms (p95 9 ms), CPU 31 %, network every 4.2, 2 dropped'
    """
    every = snapshot.inferred_every
    network = "" if every is None else f"network every {every:.1f}, "
    return (
        f"{snapshot.rate_fps:.1f} frames/s, "
        f"latency {snapshot.latency_p50_ms:.0f} ms (p95 {snapshot.latency_p95_ms:.0f} ms), "
        f"CPU {100 * snapshot.cpu_share:.0f} %, {network}{snapshot.dropped} dropped"
    )


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
        """Return the choices of a session that starts with ``settings``."""
        chosen = settings.background
        others = (other for other in _STANDARD_BACKGROUNDS if not _alike(other, chosen))
        own = () if settings.model in networks else (settings.model,)
        return cls((chosen, *others), settings.auto_frame or _AUTO_FRAME, (*own, *networks))


def apply(command: Command, settings: Settings, choices: Choices) -> Settings:
    """Return ``settings`` as ``command`` changes them; equal ones where it changes nothing.

    Raises:
        SettingsError: a preset's file cannot be read.
    """
    background = settings.background
    match command:
        case Command.NEXT_BACKGROUND | Command.PREVIOUS_BACKGROUND:
            step = 1 if command is Command.NEXT_BACKGROUND else -1
            return replace(settings, background=_following(background, choices.backgrounds, step))
        case Command.BLUR_STRONGER if isinstance(background, Blur):
            return replace(settings, background=background.changed(_BLUR_STEP))
        case Command.BLUR_WEAKER if isinstance(background, Blur):
            return replace(settings, background=background.changed(-_BLUR_STEP))
        case Command.MIRROR:
            return replace(settings, mirror=not settings.mirror)
        case Command.AUTO_FRAME:
            return replace(settings, auto_frame=0.0 if settings.auto_frame else choices.auto_frame)
        case Command.NEXT_PRESET:
            preset = preset_of(settings)
            following = _following(preset, BY_COST) if preset else DEFAULT_PRESET
            return with_preset(settings, following)
        case Command.NEXT_NETWORK if choices.networks:
            return replace(settings, model=_following(settings.model, choices.networks))
    return settings


def _following(one: Any, others: Sequence[Any], step: int = 1) -> Any:
    """Return the choice ``step`` places after ``one`` in the ring; the first if it is not there."""
    places = [place for place, other in enumerate(others) if _alike(one, other)]
    return others[(places[0] + step) % len(others)] if places else others[0]


def _alike(one: Any, other: Any) -> bool:
    """Say whether the keys take both for one choice: all strengths of blur are."""
    return one == other or (isinstance(one, Blur) and isinstance(other, Blur))


class LiveConfig:
    """Follows the configuration file of a running session.

    A setting changes when its value in the file changes, so that what was chosen by key stays. The
    command line and the environment go before the file.

    Args:
        load: reads all layers of settings again, the file among them.
        loaded: what ``load`` returned when the session started.
        notice: told in one sentence what the file is about to change, or why it changes nothing.
    """

    def __init__(
        self,
        file: WatchedFile,
        load: Callable[[], Settings],
        loaded: Settings,
        notice: Callable[[str], None],
    ) -> None:
        self._file = file
        self._load = load
        self._loaded = loaded
        self._notice = notice
        self._replaced: dict[str, Any] = {}
        """What the last change replaced; a session that refuses the change goes back to it."""

    def follow(self, settings: Settings) -> Settings:
        """Return ``settings`` with what has changed in the file; the same if it is not valid."""
        if not self._file.changed():
            return settings
        try:
            loaded = self._load()
        except SettingsError as error:
            self._notice(f"{error}; the settings stay as they were")
            return settings
        if not self._file.is_unchanged():  # It was written again while it was read.
            return settings
        refused = {
            name: old for name, old in self._replaced.items() if getattr(settings, name) == old
        }
        accepted = replace(self._loaded, **refused)
        changes = {
            name: getattr(loaded, name)
            for name in SETTINGS
            if getattr(loaded, name) != getattr(accepted, name)
        }
        self._loaded = loaded
        self._replaced = {name: getattr(settings, name) for name in changes}
        if changes:
            self._notice(f"{self._file.path}: changing {', '.join(changes)}")
        return replace(settings, **changes)


class LiveController:
    """Turns keys, a changed file and calls of ``change`` into what the session does.

    For the main thread only.

    Args:
        notice: told in one sentence what happened.
        status: told many times a second how the session is doing.
        window: where keys come from; None for a session without one.
        config: the configuration file to follow; None where there is none.
        snapshots: folder that snapshots are written to.
    """

    def __init__(
        self,
        session: Session,
        *,
        notice: Callable[[str], None],
        status: Callable[[str], None] = lambda line: None,
        window: Window | None = None,
        config: LiveConfig | None = None,
        snapshots: Path = Path(),
    ) -> None:
        self._session = session
        self._notice = notice
        self._status = status
        self._window = window
        self._config = config
        self._snapshots = snapshots
        self._choices = Choices.of(session.settings, () if window is None else networks_here())
        self._overlay: Command | None = None

    def tick(self) -> None:
        """Do what the user asked for since the last call."""
        snapshot = self._session.snapshot()
        if self._session.resting:
            self._status("waiting for an app to open the virtual camera")
        elif snapshot.rate_fps:
            self._status(describe(snapshot))
        if self._config is not None:
            self._request(self._config.follow(self._session.requested))
        if self._window is None:
            return
        for command in map(command_for, self._window.poll_keys()):
            if command is not None:
                self.obey(command)
        if self._window.closed:
            self._session.stop()
        statistics = describe(snapshot).split(", ")
        overlays = {None: [], Command.HELP: help_lines(), Command.STATISTICS: statistics}
        self._window.overlay = overlays[self._overlay]

    def change(self, changes: Mapping[str, Any], origin: str) -> None:
        """Change settings by name; what cannot be used after all is refused by a notice.

        Args:
            changes: texts or values by setting name.
            origin: what asks, for messages.

        Raises:
            SettingsError: as ``livebg.config.load.load_settings``; nothing is changed.
        """
        self._request(change_settings(self._session.requested, changes, origin))

    def obey(self, command: Command) -> None:
        """Do what a key of the window stands for."""
        match command:
            case Command.QUIT:
                self._session.stop()
            case Command.PAUSE:
                self._session.pause(not self._session.paused)
            case Command.SNAPSHOT:
                self._save_snapshot()
            case Command.HELP | Command.STATISTICS:
                self._overlay = None if self._overlay is command else command
            case Command.NEXT_NETWORK if len(self._choices.networks) < 2:
                self._notice("no other network is here; `livebg models pull NAME` fetches one")
            case _:
                settings = apply(command, self._session.requested, self._choices)
                self._request(settings)
                self._announce(command, settings)

    def _request(self, settings: Settings) -> None:
        if settings != self._session.requested:
            self._session.change(settings)

    def _announce(self, command: Command, settings: Settings) -> None:
        """Say what the picture does not show at once."""
        match command:
            case Command.AUTO_FRAME:
                strength = settings.auto_frame
                self._notice(f"auto-framing {strength:g}" if strength else "no auto-framing")
            case Command.NEXT_PRESET:
                self._notice(f"preset {preset_of(settings)}")
            case Command.NEXT_NETWORK:
                self._notice(f"network {settings.model}")

    def _save_snapshot(self) -> None:
        from livebg.sinks.base import repacked
        from livebg.sinks.pictures import write_picture

        shown = self._session.shown
        if shown is None:
            return
        path = self._snapshots / f"livebg-{datetime.now():%Y%m%d-%H%M%S-%f}.png"
        try:
            write_picture(path, repacked(shown, BGR))
            self._notice(f"saved {path}")
        except LivebgError as error:
            self._notice(str(error))
