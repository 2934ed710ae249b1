"""What the camera tells PipeWire of itself: its formats, and the buffers it needs for one."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction

from livebg.pixel_format import PixelFormat
from livebg.sink.pipewire.pod import (
    flags_pod,
    fraction_pod,
    id_pod,
    int_pod,
    int_range_pod,
    object_pod,
    read_ids,
    rectangle_pod,
)
from livebg.types import Size

__all__ = ["I420", "META_HEADER", "PARAM_FORMAT", "VideoFormat"]

PARAM_FORMAT = 4
META_HEADER = 1

_PARAM_ENUM_FORMAT = 3
_PARAM_BUFFERS = 5
_PARAM_META = 6

_OBJECT_FORMAT = 0x40003
_OBJECT_BUFFERS = 0x40004
_OBJECT_META = 0x40005

_MEDIA_TYPE, _MEDIA_SUBTYPE = 1, 2
_VIDEO, _RAW = 2, 1
_FORMAT, _SIZE, _FRAME_RATE = 0x20001, 0x20003, 0x20004

_BUFFERS, _BLOCKS, _BLOCK_SIZE, _STRIDE, _DATA_TYPE = 1, 2, 3, 4, 6
_META_TYPE, _META_SIZE = 1, 2
_META_HEADER_SIZE = 32
_MEMFD_OR_POINTER = 1 << 2 | 1 << 1

I420 = PixelFormat("i420", "bt601")
"""What browsers take a camera's pictures for; the cheapest to make."""

_NUMBERS = {I420: 2, PixelFormat("yuy2", "bt601"): 4}
"""Pixel formats to choose from, the best first, and their numbers in ``spa_video_format``. OBS
takes the second only."""


@dataclass(frozen=True, slots=True)
class VideoFormat:
    """Pictures of one size at one rate in one pixel format; their rows have no padding.

    Browsers list a camera only if each pixel format is a choice of its own, of fixed size and rate.

    Attributes:
        size: ``(width, height)`` in pixels, both even.
        rate: frames per second.
        pixel_format: how the pixels lie in memory.
    """

    size: Size
    rate: Fraction
    pixel_format: PixelFormat = I420

    @property
    def size_bytes(self) -> int:
        """Bytes of one picture."""
        return math.prod(self.pixel_format.shape(self.size))

    @property
    def stride(self) -> int:
        """Bytes of one row, of the first plane where there are several."""
        return math.prod(self.pixel_format.shape(self.size)[1:])

    def choices(self) -> list[bytes]:
        """Return the pods of the choices: this size and rate in each pixel format."""
        return [
            object_pod(
                _OBJECT_FORMAT,
                _PARAM_ENUM_FORMAT,
                {
                    _MEDIA_TYPE: id_pod(_VIDEO),
                    _MEDIA_SUBTYPE: id_pod(_RAW),
                    _FORMAT: id_pod(number),
                    _SIZE: rectangle_pod(self.size),
                    _FRAME_RATE: fraction_pod(self.rate),
                },
            )
            for number in _NUMBERS.values()
        ]

    def chosen(self, pod: bytes) -> VideoFormat:
        """Return the format that a negotiated ``pod`` stands for."""
        number = read_ids(pod)[_FORMAT]
        formats = {known: pixel_format for pixel_format, known in _NUMBERS.items()}
        return replace(self, pixel_format=formats[number])

    def needs(self) -> list[bytes]:
        """Return the pods that ask for buffers, each with a header for the time of capture."""
        buffers = {
            # A program that reads late still holds some: more than a few keep the camera going.
            _BUFFERS: int_range_pod(8, 3, 32),
            _BLOCKS: int_pod(1),
            _BLOCK_SIZE: int_pod(self.size_bytes),
            _STRIDE: int_pod(self.stride),
            _DATA_TYPE: flags_pod(_MEMFD_OR_POINTER),
        }
        header = {_META_TYPE: id_pod(META_HEADER), _META_SIZE: int_pod(_META_HEADER_SIZE)}
        return [
            object_pod(_OBJECT_BUFFERS, _PARAM_BUFFERS, buffers),
            object_pod(_OBJECT_META, _PARAM_META, header),
        ]
