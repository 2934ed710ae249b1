"""The preview window's keyboard and overlay, served between two pictures of a live session."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from livebg.cli.live_config import LiveConfig
from livebg.cli.live_line import LiveLine, describe
from livebg.config.schema import Settings
from livebg.control.commands import (
    Choices,
    Command,
    announcement,
    apply,
    command_for,
    help_lines,
)
from livebg.errors import LivebgError
from livebg.models.weights import networks_here
from livebg.pixel_format import BGR
from livebg.runtime.capture import same_camera
from livebg.runtime.session import Session
from livebg.sink.window import Window

__all__ = ["Desk"]


class Desk:
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
        glance = self._session.glance()
        if self._session.resting:
            self._line.update("waiting for an app to open the virtual camera")
        elif glance.rate_fps:
            self._line.update(describe(glance))
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
            Command.STATISTICS: describe(glance).split(", "),
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
        from livebg.sink.picture_file import write_picture
        from livebg.sink.repacking import repacked

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
