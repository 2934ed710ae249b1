"""The parts of libpipewire-0.3 that a camera needs, declared for ctypes.

Structures and functions belong to the stable C interface, the same from PipeWire 0.3.40 on.
"""

from __future__ import annotations

import ctypes
import os
import sys
from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    c_char_p,
    c_int,
    c_int32,
    c_int64,
    c_uint32,
    c_uint64,
    c_void_p,
)
from functools import cache
from typing import Any

from livebg.errors import SinkUnavailableError

__all__ = [
    "Buffer",
    "Chunk",
    "Data",
    "Meta",
    "MetaHeader",
    "ParamChanged",
    "SpaBuffer",
    "StateChanged",
    "StreamEvents",
    "TriggerDone",
    "load_library",
]

_SONAME = "libpipewire-0.3.so.0"
_LOG_NOTHING = 0


class Chunk(Structure):
    """``spa_chunk``: the valid part of a block of memory."""

    _fields_ = [("offset", c_uint32), ("size", c_uint32), ("stride", c_int32), ("flags", c_int32)]


class Data(Structure):
    """``spa_data``: a block of memory."""

    _fields_ = [
        ("type", c_uint32),
        ("flags", c_uint32),
        ("fd", c_int64),
        ("mapoffset", c_uint32),
        ("maxsize", c_uint32),
        ("data", c_void_p),
        ("chunk", POINTER(Chunk)),
    ]


class Meta(Structure):
    """``spa_meta``: the place of one kind of metadata of a picture."""

    _fields_ = [("type", c_uint32), ("size", c_uint32), ("data", c_void_p)]


class MetaHeader(Structure):
    """``spa_meta_header``: the time of a picture."""

    _fields_ = [
        ("flags", c_uint32),
        ("offset", c_uint32),
        ("pts", c_int64),
        ("dts_offset", c_int64),
        ("seq", c_uint64),
    ]


class SpaBuffer(Structure):
    """``spa_buffer``: a picture's blocks of memory and its metadata."""

    _fields_ = [
        ("n_metas", c_uint32),
        ("n_datas", c_uint32),
        ("metas", POINTER(Meta)),
        ("datas", POINTER(Data)),
    ]


class Buffer(Structure):
    """``pw_buffer``, up to the fields that a camera needs."""

    _fields_ = [("buffer", POINTER(SpaBuffer)), ("user_data", c_void_p), ("size", c_uint64)]


StateChanged = CFUNCTYPE(None, c_void_p, c_int, c_int, c_char_p)
TriggerDone = CFUNCTYPE(None, c_void_p)
ParamChanged = CFUNCTYPE(None, c_void_p, c_uint32, c_void_p)


class StreamEvents(Structure):
    """``pw_stream_events``, version 2."""

    _fields_ = [
        ("version", c_uint32),
        ("destroy", c_void_p),
        ("state_changed", StateChanged),
        ("control_info", c_void_p),
        ("io_changed", c_void_p),
        ("param_changed", ParamChanged),
        ("add_buffer", c_void_p),
        ("remove_buffer", c_void_p),
        ("process", c_void_p),
        ("drained", c_void_p),
        ("command", c_void_p),
        ("trigger_done", TriggerDone),
    ]


_FUNCTIONS: dict[str, tuple[Any, ...]] = {
    "pw_init": (None, c_void_p, c_void_p),
    "pw_log_set_level": (None, c_int),
    "pw_properties_new_string": (c_void_p, c_char_p),
    "pw_thread_loop_new": (c_void_p, c_char_p, c_void_p),
    "pw_thread_loop_get_loop": (c_void_p, c_void_p),
    "pw_thread_loop_start": (c_int, c_void_p),
    "pw_thread_loop_stop": (None, c_void_p),
    "pw_thread_loop_lock": (None, c_void_p),
    "pw_thread_loop_unlock": (None, c_void_p),
    "pw_thread_loop_destroy": (None, c_void_p),
    "pw_stream_new_simple": (
        c_void_p,
        c_void_p,
        c_char_p,
        c_void_p,
        POINTER(StreamEvents),
        c_void_p,
    ),
    "pw_stream_destroy": (None, c_void_p),
    "pw_stream_connect": (c_int, c_void_p, c_int, c_uint32, c_int, POINTER(c_char_p), c_uint32),
    "pw_stream_update_params": (c_int, c_void_p, POINTER(c_char_p), c_uint32),
    "pw_stream_dequeue_buffer": (POINTER(Buffer), c_void_p),
    "pw_stream_queue_buffer": (c_int, c_void_p, POINTER(Buffer)),
    "pw_stream_trigger_process": (c_int, c_void_p),
}
"""Types of the result and of the arguments, by name."""


@cache
def load_library() -> ctypes.CDLL:
    """Return the library, ready for use; loaded once in a process.

    It writes its own warnings to stderr only where ``PIPEWIRE_DEBUG`` asks for them.

    Raises:
        SinkUnavailableError: it is not installed, or too old.
    """
    if sys.platform != "linux":
        raise SinkUnavailableError(
            "there is no PipeWire on this system; use `--virtual-camera` without a name"
        )
    try:
        library = ctypes.CDLL(_SONAME, use_errno=True)
    except OSError as error:
        raise SinkUnavailableError(
            f"PipeWire's library {_SONAME} cannot be loaded ({error}); "
            "get it with `sudo apt install pipewire wireplumber`"
        ) from error
    for name, (result, *arguments) in _FUNCTIONS.items():
        try:
            function = getattr(library, name)
        except AttributeError as error:
            raise SinkUnavailableError(
                f"PipeWire's library has no function {name}; livebg needs PipeWire 0.3.40 or newer"
            ) from error
        function.restype, function.argtypes = result, arguments
    library.pw_init(None, None)
    if "PIPEWIRE_DEBUG" not in os.environ:
        library.pw_log_set_level(_LOG_NOTHING)
    return library
