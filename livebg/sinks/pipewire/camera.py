"""A camera that other programs find in PipeWire, without a kernel module."""

from __future__ import annotations

import threading
from fractions import Fraction
from functools import partial

from livebg.clock import NS_PER_S, Clock, MonotonicClock
from livebg.errors import SinkError
from livebg.frame import Composite, Image, PixelFormat, Size, size_text
from livebg.sinks.base import Sink, repacked
from livebg.sinks.pipewire.pod import I420, VideoFormat
from livebg.sinks.pipewire.stream import State, Stream

__all__ = ["PipeWireCamera"]

_PROPERTIES = {
    # Programs remember a camera, and that they may use it, by this name.
    "node.name": "livebg",
    "node.description": "livebg",
    "media.class": "Video/Source",
    "media.role": "Camera",
}
_ANSWER_NS = 5 * NS_PER_S
"""How long the daemon may take to take the camera in; it takes milliseconds where it works."""

_FAREWELLS = 6
_FAREWELL_S = 0.04
"""How often the last picture is sent again before the camera goes, and after how many seconds."""


class PipeWireCamera(Sink):
    """Sends composites to the programs that read the camera ``livebg``; to several at once, too.

    Where nobody reads, a composite costs nothing. One that comes while the readers still hold
    every buffer is dropped.

    Args:
        size: ``(width, height)`` of the composites in pixels. Video formats halve the colour
            resolution, so an odd width or height loses its last column or row.
        rate: frames per second that is announced to readers; the caller keeps the pace.
        clock: what times how long the daemon takes.

    Attributes:
        size: ``(width, height)`` that readers get.

    Raises:
        SinkUnavailableError: PipeWire's library or its daemon is missing; says how to get it.
    """

    name = "PipeWire camera"
    pixel_format = I420

    def __init__(self, size: Size, rate: Fraction, *, clock: Clock | None = None) -> None:
        self.size = size[0] // 2 * 2, size[1] // 2 * 2
        self._composite_size = size
        self._clock = clock or MonotonicClock()
        self._closed = False
        self._last: Composite | None = None
        self._opened_ns = self._clock.now_ns()
        self._stream = Stream(_PROPERTIES, VideoFormat(self.size, rate))

    @property
    def has_readers(self) -> bool:
        """Whether a program reads the camera."""
        return not self._closed and self._stream.state is State.STREAMING

    def send(self, composite: Composite) -> None:
        """Send ``composite`` to whoever reads; what is transparent becomes black.

        Raises:
            SinkError: the daemon is gone or does not answer, the sink is closed, or the size is
                another one (readers cannot follow a change of size).
        """
        self._check(composite.size)
        self._last = composite
        self._hand_on(composite)

    def close(self) -> None:
        """Take the camera away from the programs that list it; they keep the last picture."""
        if not self._closed:
            try:
                self._repeat_last()
            finally:
                self._closed = True
                self._stream.close()

    def _repeat_last(self) -> None:
        """Send the last picture several times more.

        It may have been dropped, and a reader loses what it has not fetched when the camera goes.
        """
        if self._last is None:
            return
        for _ in range(_FAREWELLS):
            if not self.has_readers:
                break
            self._clock.wait(threading.Event(), _FAREWELL_S)
            self._hand_on(self._last)

    def _hand_on(self, composite: Composite) -> None:
        self._stream.send(partial(self._repacked, composite), composite.captured_ns)

    def _repacked(self, composite: Composite, pixel_format: PixelFormat) -> Image:
        # YUY2 could keep an odd last row, but every reader gets the size that was announced.
        return repacked(composite, pixel_format)[: pixel_format.shape(self.size)[0]]

    def _check(self, size: Size) -> None:
        if self._closed:
            raise SinkError(f"the {self.name} is closed; open it again to send")
        if size != self._composite_size:
            raise SinkError(
                f"the {self.name} was opened for {size_text(self._composite_size)} and cannot "
                f"take a picture of {size_text(size)}; open it again in that size"
            )
        state, waited_ns = self._stream.state, self._clock.now_ns() - self._opened_ns
        if state in (State.ERROR, State.UNCONNECTED):
            raise SinkError(
                f"the {self.name} has lost the PipeWire daemon ({self._stream.error}); "
                "it comes back when `systemctl --user status pipewire` says that it runs"
            )
        if state is State.CONNECTING and waited_ns > _ANSWER_NS:
            raise SinkError(
                "the PipeWire daemon does not answer; start it again with "
                "`systemctl --user restart pipewire wireplumber`"
            )
