"""A camera that other programs find in PipeWire, without a kernel module."""

from __future__ import annotations

import ctypes
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from fractions import Fraction
from typing import Any

import numpy as np

from livebg.clock import NS_PER_S, Clock, MonotonicClock
from livebg.errors import SinkError, SinkUnavailableError
from livebg.frame import Composite, Image, PixelFormat, Size, size_text
from livebg.sinks.base import Sink, repacked
from livebg.sinks.pipewire.library import (
    MetaHeader,
    ParamChanged,
    SpaBuffer,
    StateChanged,
    StreamEvents,
    TriggerDone,
    load_library,
)
from livebg.sinks.pipewire.video_format import I420, META_HEADER, PARAM_FORMAT, VideoFormat

__all__ = ["PipeWireCamera"]

_NAME = "livebg"
_PROPERTIES = {
    # Programs remember a camera, and that they may use it, by this name.
    "node.name": _NAME,
    "node.description": "livebg",
    "media.class": "Video/Source",
    "media.role": "Camera",
}
_ANSWER_NS = 5 * NS_PER_S
"""Time for the daemon to accept the camera; it takes milliseconds where it works."""

_REPEATS = 6
_REPEAT_S = 0.04
"""How often the last picture is repeated before the camera goes, and after how many seconds."""

_LAST_CYCLE_S = 0.5
"""Time for the readers to take the last picture."""

_EVENTS_VERSION = 2
_OUTPUT = 1
_NO_TARGET = 0xFFFFFFFF
_MAP_BUFFERS, _DRIVER, _REALTIME = 1 << 2, 1 << 3, 1 << 4


class PipeWireCamera(Sink):
    """Sends composites to the programs that read the camera ``livebg``, also to several at once.

    Without readers a composite costs nothing. A composite is dropped while the readers still hold
    every buffer.

    Args:
        size: ``(width, height)`` of the composites in pixels. Video formats halve the colour
            resolution, so an odd width or height loses its last column or row.
        rate: frames per second that is announced to readers; the caller keeps the pace.
        clock: times the daemon's answer.

    Attributes:
        size: ``(width, height)`` that readers get.

    Raises:
        SinkUnavailableError: PipeWire's library or its daemon is missing; says how to get it.
    """

    name = "PipeWire camera"
    pixel_format = I420
    reopened = True

    def __init__(self, size: Size, rate: Fraction, *, clock: Clock | None = None) -> None:
        self.size = I420.held_size(size)
        self._composite_size = size
        self._clock = clock or MonotonicClock()
        self._closed = False
        self._last: Composite | None = None
        self._opened_ns = self._clock.now_ns()
        self._stream = _Stream(VideoFormat(self.size, rate))

    @property
    def has_readers(self) -> bool:
        """Whether a program reads the camera."""
        return not self._closed and self._stream.state is _State.STREAMING

    def send(self, composite: Composite) -> None:
        """Send ``composite`` to the readers; transparent pixels become black.

        Raises:
            SinkError: the daemon is gone or does not answer, the sink is closed, or the size is
                another one (readers cannot follow a change of size).
        """
        self._check(composite.size)
        self._last = composite
        self._send(composite)

    def close(self) -> None:
        """Remove the camera from the lists of programs; they keep the last picture. Idempotent."""
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
        for _ in range(_REPEATS):
            if self._last is None or not self.has_readers:
                break
            self._clock.wait(threading.Event(), _REPEAT_S)
            self._send(self._last)

    def _send(self, composite: Composite) -> None:
        def packed(pixel_format: PixelFormat) -> Image:
            # YUY2 could keep an odd last row, but every reader gets the size that was announced.
            return repacked(composite, pixel_format)[: pixel_format.shape(self.size)[0]]

        self._stream.send(packed, composite.captured_ns)

    def _check(self, size: Size) -> None:
        if self._closed:
            raise SinkError(f"the {self.name} is closed; open it again to send")
        if size != self._composite_size:
            raise SinkError(
                f"the {self.name} was opened for {size_text(self._composite_size)} and cannot "
                f"take a picture of {size_text(size)}; open it again in that size"
            )
        state, waited_ns = self._stream.state, self._clock.now_ns() - self._opened_ns
        if state in (_State.ERROR, _State.UNCONNECTED):
            raise SinkError(
                f"the {self.name} has lost the PipeWire daemon ({self._stream.error}); "
                "it comes back when `systemctl --user status pipewire` says that it runs"
            )
        if state is _State.CONNECTING and waited_ns > _ANSWER_NS:
            raise SinkError(
                "the PipeWire daemon does not answer; start it again with "
                "`systemctl --user restart pipewire wireplumber`"
            )


class _State(IntEnum):
    """States of a stream [enum pw_stream_state]."""

    ERROR = -1
    UNCONNECTED = 0
    CONNECTING = 1
    PAUSED = 2
    STREAMING = 3


class _Stream:
    """A video node in the graph that drives it, one cycle a picture.

    The library answers the daemon in a thread of its own, which holds the library's lock while it
    calls back. Everything else belongs to the thread that owns the stream.
    """

    def __init__(self, format: VideoFormat) -> None:
        self.state = _State.UNCONNECTED
        self.error = ""
        self._format = format
        self._library = load_library()
        self._events = StreamEvents(
            version=_EVENTS_VERSION,
            state_changed=StateChanged(self._on_state),
            param_changed=ParamChanged(self._on_param),
            trigger_done=TriggerDone(self._on_done),
        )
        self._cycle_done = threading.Event()
        self._cycle_done.set()
        self._last_pts = 0
        self._sequence = 0
        self._loop: int | None = None
        self._stream: int | None = None
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def send(self, picture: Callable[[PixelFormat], Image], captured_ns: int) -> None:
        """Send one picture to the readers; dropped without any, or while they hold every buffer."""
        with self._locked():
            if self.state is not _State.STREAMING:
                return
            buffer = self._library.pw_stream_dequeue_buffer(self._stream)
            if not buffer:
                return
            try:
                self._write(buffer.contents.buffer.contents, picture, captured_ns)
            finally:
                self._library.pw_stream_queue_buffer(self._stream, buffer)
            self._cycle_done.clear()
            self._library.pw_stream_trigger_process(self._stream)

    def close(self) -> None:
        """Remove the node from the graph and end the library's thread. Idempotent.

        The readers get the last picture before, if they take it in time.
        """
        library = self._library
        if self._loop is not None:
            if self.state is _State.STREAMING:
                self._cycle_done.wait(_LAST_CYCLE_S)
            library.pw_thread_loop_stop(self._loop)
            if self._stream is not None:
                library.pw_stream_destroy(self._stream)
            library.pw_thread_loop_destroy(self._loop)
        self._stream = self._loop = None

    def _open(self) -> None:
        library = self._library
        self._loop = _created(library.pw_thread_loop_new(b"livebg-pipewire", None))
        properties = library.pw_properties_new_string(json.dumps(_PROPERTIES).encode())
        self._stream = _created(
            library.pw_stream_new_simple(
                library.pw_thread_loop_get_loop(self._loop),
                _NAME.encode(),
                properties,
                self._events,
                None,
            )
        )
        library.pw_thread_loop_start(self._loop)
        choices = self._format.choices()
        with self._locked():
            result = library.pw_stream_connect(
                self._stream,
                _OUTPUT,
                _NO_TARGET,
                # Real time: no callback runs there, and pictures reach their readers undelayed.
                _MAP_BUFFERS | _DRIVER | _REALTIME,
                _array(choices),
                len(choices),
            )
        if result < 0:
            raise SinkUnavailableError(
                f"no PipeWire daemon answers ({os.strerror(-result)}); start it with "
                "`systemctl --user start pipewire wireplumber`"
            )

    def _on_state(self, data: None, old: int, new: int, error: bytes | None) -> None:
        self.state = _State(new)
        if error:
            self.error = error.decode(errors="replace")

    def _on_param(self, data: None, param: int, pod: int | None) -> None:
        if param != PARAM_FORMAT or pod is None:
            return
        size = ctypes.c_uint32.from_address(pod).value
        self._format = self._format.chosen(ctypes.string_at(pod, 8 + size))
        needs = self._format.needs()
        self._library.pw_stream_update_params(self._stream, _array(needs), len(needs))

    def _on_done(self, data: None) -> None:
        self._cycle_done.set()

    def _write(
        self, buffer: SpaBuffer, picture: Callable[[PixelFormat], Image], captured_ns: int
    ) -> None:
        block = buffer.datas[0]
        chunk = block.chunk.contents
        chunk.offset = chunk.size = 0
        size = self._format.size_bytes
        if not block.data or block.maxsize < size:
            raise SinkError(
                f"PipeWire gave {block.maxsize} bytes for a picture of {size}; update PipeWire"
            )
        memory = (ctypes.c_uint8 * size).from_address(block.data)
        pixels = np.frombuffer(memoryview(memory).cast("B"), np.uint8)
        np.copyto(pixels, picture(self._format.pixel_format).reshape(-1))
        chunk.stride, chunk.size = self._format.stride, size
        # A privacy card is drawn later than a frame was taken, but time stamps never decrease.
        self._last_pts = max(captured_ns, self._last_pts + 1)
        for meta in buffer.metas[: buffer.n_metas]:
            if meta.type == META_HEADER:
                header = MetaHeader.from_address(meta.data)
                header.flags = header.offset = header.dts_offset = 0
                header.pts, header.seq = self._last_pts, self._sequence
        self._sequence += 1

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._library.pw_thread_loop_lock(self._loop)
        try:
            yield
        finally:
            self._library.pw_thread_loop_unlock(self._loop)


def _created(address: int | None) -> int:
    if address is None:
        raise SinkUnavailableError(
            f"PipeWire's library cannot start ({os.strerror(ctypes.get_errno())}); "
            "install it again with `sudo apt install --reinstall pipewire`"
        )
    return address


def _array(pods: list[bytes]) -> Any:
    return (ctypes.c_char_p * len(pods))(*pods)
