"""A video node in the PipeWire graph, and the connection to the daemon that it lives on."""

from __future__ import annotations

import ctypes
import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import IntEnum
from typing import Any

import numpy as np

from livebg.errors import SinkError, SinkUnavailableError
from livebg.frame import Image, PixelFormat
from livebg.sinks.pipewire.library import (
    Hook,
    MetaHeader,
    ParamChanged,
    SpaBuffer,
    StateChanged,
    StreamEvents,
    TriggerDone,
    load_library,
)
from livebg.sinks.pipewire.pod import META_HEADER, PARAM_FORMAT, VideoFormat

__all__ = ["State", "Stream"]

_EVENTS_VERSION = 2
_OUTPUT = 1
_NO_TARGET = 0xFFFFFFFF
_MAP_BUFFERS, _DRIVER, _REALTIME = 1 << 2, 1 << 3, 1 << 4

_FAREWELL_S = 0.5


class State(IntEnum):
    """Where a stream stands, as PipeWire counts."""

    ERROR = -1
    UNCONNECTED = 0
    CONNECTING = 1
    PAUSED = 2
    STREAMING = 3


class Stream:
    """Offers pictures to whoever links to the node, and drives the graph, one cycle a picture.

    The library answers the daemon in a thread of its own, which holds the library's lock while it
    calls back. Everything else belongs to the thread that owns the stream.

    Args:
        properties: of the node; ``node.name`` is the stream's name too.
        format: size and rate of the pictures; the layout is agreed with the first reader.

    Raises:
        SinkUnavailableError: the library is missing, or no daemon answers.
    """

    def __init__(self, properties: Mapping[str, str], format: VideoFormat) -> None:
        self.state = State.UNCONNECTED
        """Where it stands now."""
        self.error = ""
        """What the library said when the state became ``ERROR``."""
        self._format = format
        self._library = load_library()
        self._hook = Hook()
        self._events = StreamEvents(
            version=_EVENTS_VERSION,
            state_changed=StateChanged(self._on_state),
            param_changed=ParamChanged(self._on_param),
            trigger_done=TriggerDone(self._on_done),
        )
        self._handed_on = threading.Event()
        self._handed_on.set()
        self._last_pts = 0
        self._sequence = 0
        self._loop: int | None = None
        self._context: int | None = None
        self._core: int | None = None
        self._stream: int | None = None
        try:
            self._open(properties)
        except BaseException:
            self.close()
            raise

    def send(self, picture: Callable[[PixelFormat], Image], captured_ns: int) -> bool:
        """Send one picture to the readers there are.

        Args:
            picture: returns it in the pixel format that the readers take, uint8.
            captured_ns: monotonic nanoseconds at which the picture was taken.

        Returns:
            False where nobody reads, or the readers hold every buffer: the picture is dropped.

        Raises:
            SinkError: the memory that PipeWire gave is too small.
        """
        with self._locked():
            if self.state is not State.STREAMING:
                return False
            buffer = self._library.pw_stream_dequeue_buffer(self._stream)
            if not buffer:
                return False
            try:
                self._write(buffer.contents.buffer.contents, picture, captured_ns)
            finally:
                self._library.pw_stream_queue_buffer(self._stream, buffer)
            self._handed_on.clear()
            self._library.pw_stream_trigger_process(self._stream)
        return True

    def close(self) -> None:
        """Take the node out of the graph and end the library's thread. Idempotent.

        The readers get the last picture before, if they take it in time.
        """
        library = self._library
        if self._loop is not None:
            if self.state is State.STREAMING:
                self._handed_on.wait(_FAREWELL_S)
            with self._locked():
                if self._stream is not None:
                    library.pw_stream_destroy(self._stream)
                if self._core is not None:
                    library.pw_core_disconnect(self._core)
            library.pw_thread_loop_stop(self._loop)
            if self._context is not None:
                library.pw_context_destroy(self._context)
            library.pw_thread_loop_destroy(self._loop)
        self._stream = self._core = self._context = self._loop = None

    def _open(self, properties: Mapping[str, str]) -> None:
        library = self._library
        self._loop = _made(library.pw_thread_loop_new(b"livebg-pipewire", None))
        loop = library.pw_thread_loop_get_loop(self._loop)
        self._context = _made(library.pw_context_new(loop, None, 0))
        library.pw_thread_loop_start(self._loop)
        with self._locked():
            self._core = library.pw_context_connect(self._context, None, 0)
            if self._core is None:
                raise SinkUnavailableError(
                    f"no PipeWire daemon answers ({os.strerror(ctypes.get_errno())}); start it "
                    "with `systemctl --user start pipewire wireplumber`"
                )
            name = properties["node.name"].encode()
            described = library.pw_properties_new_string(json.dumps(dict(properties)).encode())
            self._stream = _made(library.pw_stream_new(self._core, name, described))
            library.pw_stream_add_listener(self._stream, self._hook, self._events, None)
            choices = self._format.choices()
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
                    f"PipeWire accepts no camera ({os.strerror(-result)}); update PipeWire"
                )

    def _on_state(self, data: None, old: int, new: int, error: bytes | None) -> None:
        self.state = State(new)
        if error:
            self.error = error.decode(errors="replace")

    def _on_param(self, data: None, what: int, pod: int | None) -> None:
        if what != PARAM_FORMAT or pod is None:
            return
        size = ctypes.c_uint32.from_address(pod).value
        self._format = self._format.chosen(ctypes.string_at(pod, 8 + size))
        needs = self._format.needs()
        self._library.pw_stream_update_params(self._stream, _array(needs), len(needs))

    def _on_done(self, data: None) -> None:
        self._handed_on.set()

    def _write(
        self,
        buffer: SpaBuffer,
        picture: Callable[[PixelFormat], Image],
        captured_ns: int,
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
        # Time never runs backwards, though a card is drawn later than a frame was taken.
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


def _made(thing: int | None) -> int:
    if thing is None:
        raise SinkUnavailableError(
            f"PipeWire's library cannot start ({os.strerror(ctypes.get_errno())}); "
            "install it again with `sudo apt install --reinstall pipewire`"
        )
    return thing


def _array(pods: list[bytes]) -> Any:
    return (ctypes.c_char_p * len(pods))(*pods)
