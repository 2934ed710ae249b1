"""Sinks by the text that names them."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from livebg.errors import UsageError, did_you_mean
from livebg.frame import Size
from livebg.plugins import is_registered, make_registered
from livebg.sinks.base import Sink

__all__ = ["LABELS", "PIPEWIRE", "open_sink"]

LABELS = {
    "window": "window",
    "virtual-camera": "virtual camera",
    "record": "recording",
    "alpha": "mattes",
    "null": "null",
}
"""What messages and statistics call each kind of sink."""

PIPEWIRE = "pipewire"
"""The virtual camera that needs no device."""


def open_sink(text: str, size: Size, frame_rate: Fraction, *, transparent: bool = False) -> Sink:
    """Open the sink that ``text`` names.

    Args:
        text: ``window``, ``virtual-camera`` (the first free device), ``virtual-camera:DEVICE``,
            ``virtual-camera:pipewire``, ``record:FILE``, ``alpha:FOLDER``, ``null``, or
            ``NAME:ARGUMENT`` of a registered sink, which is called with the argument, the size and
            the frame rate.
        size: ``(width, height)`` of the composites, in pixels.
        frame_rate: nominal frames per second.
        transparent: whether composites have an alpha channel.

    Raises:
        UsageError: there is no such sink.
        InputError: the file or folder cannot be written.
        SinkUnavailableError: there is no display, or no such device.
    """
    kind, _, argument = text.partition(":")
    match kind:
        case "window":
            from livebg.sinks.window import Window

            return Window()
        case "virtual-camera" if argument == PIPEWIRE:
            from livebg.sinks.pipewire.camera import PipeWireCamera

            return PipeWireCamera(size, frame_rate)
        case "virtual-camera":
            from livebg.sinks.virtual_camera import VirtualCamera

            return VirtualCamera(size, float(frame_rate), argument or None)
        case "record" if argument:
            from livebg.sinks.recorder import Recorder

            path = Path(argument)
            return Recorder(
                path, size=size, frame_rate=frame_rate, transparent=transparent, live=True
            )
        case "alpha" if argument:
            from livebg.sinks.pictures import AlphaFolder

            return AlphaFolder(Path(argument))
        case "null":
            from livebg.sinks.null import NullSink

            return NullSink()
    if is_registered("sinks", text):
        sink: Sink = make_registered("sinks", text, Sink, size, frame_rate)
        return sink
    raise UsageError(
        f"there is no sink {text!r}{did_you_mean(kind, LABELS)}; choose window, virtual-camera, "
        "virtual-camera:DEVICE, record:FILE, alpha:FOLDER, null or NAME:ARGUMENT of your own"
    )
