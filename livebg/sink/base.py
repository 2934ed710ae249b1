"""The interface of every sink of composites."""

from __future__ import annotations

from abc import abstractmethod
from types import TracebackType

from livebg.closable import Closable
from livebg.pixel_format import BGR, PixelFormat
from livebg.types import Composite

__all__ = ["Sink"]


class Sink(Closable):
    """Takes composites one after the other; opened by its constructor, closed once.

    One thread owns a sink: it opens, feeds and closes it. A sink never alters a composite's
    arrays and keeps no reference to them after ``send`` returned.
    """

    name: str
    """For messages and statistics."""

    pixel_format: PixelFormat | None = BGR
    """What composites are best sent in, or None where their pictures are not looked at.

    Those of a session come in what all its sinks want, else as BGR; a sink takes BGR in any case.
    """

    @property
    def watched(self) -> bool | None:
        """Whether anybody reads what is sent, at this moment; None where a sink cannot tell.

        Asked by the thread that owns the sink, many times a second: it neither waits nor raises,
        and a closed sink answers too. An answer may change back within milliseconds, as programs
        open a camera only to look at it; whoever asks waits for it to settle.
        """
        return None

    @abstractmethod
    def send(self, composite: Composite) -> None:
        """Deliver one composite.

        Raises:
            SinkError: it cannot be delivered (device gone, disk full, window closed).
        """

    @abstractmethod
    def close(self) -> None:
        """Finish and release what the sink holds. Idempotent; ``send`` then raises SinkError.

        Raises:
            SinkError: what was sent could not be finished (a recording's trailer, say).
        """

    def abort(self) -> None:
        """Give up: release everything and leave no half-written file. Defaults to ``close``."""
        self.close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()
