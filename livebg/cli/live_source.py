"""Opening what ``--camera`` names, again and again while a session runs."""

from __future__ import annotations

from collections.abc import Callable

from livebg.cli.source_report import source_report
from livebg.config.schema import Settings
from livebg.errors import LivebgError
from livebg.source.base import Source, SourceInfo
from livebg.source.open import open_live

__all__ = ["LiveSource"]


class LiveSource:
    """Opens the source that the settings name, and remembers which device that was.

    Args:
        settings: name the camera, its size and its rate.
        loop: start a video again when it is over.
        say: told that another camera cannot be opened, and what is different about a source
            that was opened again.
    """

    def __init__(self, settings: Settings, *, loop: bool, say: Callable[[str], None]) -> None:
        self._settings = settings
        self._selector = settings.camera
        self._wanted: Settings | None = None
        self._loop = loop
        self._say = say
        self._info: SourceInfo | None = None

    def want(self, settings: Settings) -> None:
        """Open what ``settings`` name from the next time on, or the old one if that fails."""
        self._wanted = settings

    def open(self) -> Source:
        """Open the source; called by one thread at a time.

        Raises:
            LivebgError: it cannot be opened.
        """
        wanted, self._wanted = self._wanted, None
        if wanted is not None:
            selector = self._selector if wanted.camera == self._settings.camera else wanted.camera
            try:
                source = self._open(wanted, selector)
            except LivebgError as error:
                self._say(f"{error}; the camera stays as it was")
            else:
                self._settings = wanted
                return source
        return self._open(self._settings, self._selector)

    def _open(self, settings: Settings, selector: str) -> Source:
        source = open_live(selector, size=settings.size, fps=settings.fps, loop=self._loop)
        # A camera that comes back may have another number; its id stays.
        self._selector = getattr(source, "id", selector)
        self._report(source.info)
        return source

    def _report(self, info: SourceInfo) -> None:
        """Say what the source gives; of the first one, the session tells when it begins."""
        before, self._info = self._info, info
        if before is not None and info != before:
            for sentence in source_report(info):
                self._say(sentence)
