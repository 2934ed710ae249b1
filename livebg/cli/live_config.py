"""The configuration file of a running session: what changes in it changes the session."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

from livebg.config.schema import Settings
from livebg.config.watch import WatchedFile
from livebg.errors import SettingsError

__all__ = ["LiveConfig"]


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
