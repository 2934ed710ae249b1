"""A sink that discards what it gets."""

from __future__ import annotations

from livebg.errors import SinkError
from livebg.frame import Composite
from livebg.sinks.base import Sink

__all__ = ["NullSink"]


class NullSink(Sink):
    """Counts composites and discards them; measures a pipeline without a sink's cost.

    Attributes:
        count: composites sent so far.
    """

    name = "null"
    pixel_format = None

    def __init__(self) -> None:
        self.count = 0
        self._closed = False

    def send(self, composite: Composite) -> None:
        """Count ``composite``; raises SinkError once the sink is closed."""
        if self._closed:
            raise SinkError("the null sink is closed; make a new one")
        self.count += 1

    def close(self) -> None:
        """Refuse further composites. Idempotent."""
        self._closed = True
