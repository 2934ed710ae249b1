"""A pipeline in the making, beside the one at work."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from livebg.config.schema import Settings
from livebg.errors import NetworkLateError
from livebg.runtime.chain import Chain, patient
from livebg.runtime.errand import Errand
from livebg.runtime.mailbox import Mailbox
from livebg.types import Frame, Size

__all__ = ["Successor", "close_quietly"]

_log = logging.getLogger(__name__)

_PATIENCE_S = 0.5


class Successor:
    """Builds a pipeline in a thread of its own, and shows it the frames of the moment.

    It is ready once it has answered one of them, so that nobody waits for its first matte when it
    takes over.

    Args:
        build: makes a pipeline for settings and a size of frame.
        settings: what it is made for.
        size: ``(width, height)`` of the frames.
    """

    def __init__(
        self, build: Callable[[Settings, Size], Chain], settings: Settings, size: Size
    ) -> None:
        self.settings = settings
        self.size = size
        self.given_up = False
        """Whether nobody wants it any more."""
        self._build = build
        self._frames: Mailbox[Frame] = Mailbox()
        self.errand: Errand[Chain] = Errand("successor", self._make)
        """Its outcome is the pipeline; whoever takes it closes it."""

    def show(self, frame: Frame) -> None:
        """Leave the newest frame for it; returns at once."""
        self._frames.put(frame)

    def give_up(self) -> None:
        """Say that nobody wants it any more; returns at once, the errand ends when it can."""
        self.given_up = True
        self.errand.stop()
        self._frames.close()

    def _make(self, stop: threading.Event) -> Chain:
        chain = self._build(patient(self.settings), self.size)
        try:
            self._rehearse(chain, stop)
            chain.reconfigure(self.settings)
        except BaseException:
            close_quietly(chain)
            raise
        return chain

    def _rehearse(self, chain: Chain, stop: threading.Event) -> None:
        late: Frame | None = None
        while not stop.is_set():
            frame = late or self._frames.get(_PATIENCE_S)
            if frame is None or frame.size != self.size:
                continue
            try:
                chain.process(frame)
            except NetworkLateError:
                late = frame
                continue
            chain.clear_statistics()
            return


def close_quietly(chain: Chain) -> None:
    """Close a pipeline that nobody needs any more, whatever it says to that."""
    try:
        chain.close()
    except Exception:
        _log.debug("a pipeline cannot be closed", exc_info=True)
