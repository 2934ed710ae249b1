"""A source that is read ahead of time, in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable

from livebg.errors import EndOfStreamError, SourceError
from livebg.runtime.lossless import LosslessQueue
from livebg.runtime.worker import Worker
from livebg.source.base import Source, SourceInfo
from livebg.types import Frame

__all__ = ["ReadAhead"]

_JOIN_S = 0.5


class ReadAhead(Source):
    """Decodes a few frames before they are asked for, so that ``read`` seldom waits.

    The frames and their order are those of the source; none is dropped. The thread
    ``livebg-background`` reads and closes it.

    Args:
        open_source: opens the source.
        ahead: frames that may wait.

    Raises:
        InputError: the source cannot be opened.
    """

    def __init__(self, open_source: Callable[[], Source], *, ahead: int = 4) -> None:
        self._source = open_source()
        self._closed = False
        self._frames: LosslessQueue[Frame] = LosslessQueue(ahead)
        self._worker = Worker("background", self._read_all, on_end=self._frames.finish)
        self._worker.start()

    @property
    def info(self) -> SourceInfo:
        """What the source delivers."""
        return self._source.info

    def read(self) -> Frame:
        """Return the next frame; see ``Source.read``."""
        if self._closed:
            raise SourceError(f"{self.info.name} was closed; open it again")
        frame = self._frames.get()
        if frame is not None:
            return frame
        if self._worker.error is not None:
            raise self._worker.error
        raise EndOfStreamError(f"{self.info.name} has no further frame")

    def close(self) -> None:
        """Stop reading and close the source. Idempotent."""
        self._closed = True
        self._frames.cancel()
        self._worker.join(_JOIN_S)

    def _read_all(self, stop: threading.Event) -> None:
        with self._source as source:
            for frame in source:
                if not self._frames.put(frame):
                    return
