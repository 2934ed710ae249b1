"""A second file on a device of v4l2loopback, which keeps it fit to be fed. Linux only."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
from fractions import Fraction

from livebg.v4l2 import (
    BUFFER_OUTPUT,
    READ_WRITE,
    WRITE,
    Ioctl,
    query_capability,
    request_number,
)

__all__ = ["LoopbackClaim"]


class _BufferType(ctypes.Structure):  # [v4l2_buf_type]
    _fields_ = [("value", ctypes.c_int)]


class _StreamParameters(ctypes.Structure):  # [v4l2_streamparm, its v4l2_outputparm]
    _fields_ = [
        ("type", ctypes.c_uint32),
        ("capability", ctypes.c_uint32),
        ("outputmode", ctypes.c_uint32),
        ("seconds_numerator", ctypes.c_uint32),
        ("seconds_denominator", ctypes.c_uint32),
        ("rest", ctypes.c_uint8 * 184),
    ]


STREAMON = request_number(WRITE, 18, _BufferType)
S_PARM = request_number(READ_WRITE, 22, _StreamParameters)

_FINEST_RATE = 1001


class LoopbackClaim:
    """Holds a device beside the program that feeds it.

    v4l2loopback 0.12 with ``exclusive_caps=1`` forgets that a device can be fed when a program that
    only writes pictures closes it, or is killed, and refuses the next one until the module is
    loaded again. It remembers when a file that declared itself a writer is closed. The claim is
    that file. Later versions do not need it and are not harmed.

    Args:
        path: the device; nobody else may feed it.
        frames_per_second: what readers are told.
        ioctl: ``fcntl.ioctl``.

    Attributes:
        descriptor: the open file.

    Raises:
        OSError: the device cannot be opened, or it is none.
    """

    def __init__(self, path: str, frames_per_second: float, ioctl: Ioctl = fcntl.ioctl) -> None:
        self._ioctl = ioctl
        self._give_output_back(path)
        self.descriptor = _open(path)
        rate = Fraction(frames_per_second).limit_denominator(_FINEST_RATE)
        parameters = _StreamParameters(
            type=BUFFER_OUTPUT,
            seconds_numerator=rate.denominator,
            seconds_denominator=rate.numerator,
        )
        with contextlib.suppress(OSError):  # readers then see the driver's 30 frames a second
            self._ioctl(self.descriptor, S_PARM, parameters)

    def hold(self) -> None:
        """Declare this file a writer; to be called once somebody else has the device open to feed.

        Before that it would take the place of the program that feeds.
        """
        self._declare_writer(self.descriptor)

    def close(self) -> None:
        """Close the file; to be called after the program that feeds has closed its own. Once."""
        os.close(self.descriptor)

    def _give_output_back(self, path: str) -> None:
        """Mend what an earlier program without a claim left behind."""
        descriptor = _open(path)
        try:
            if not query_capability(descriptor, self._ioctl).outputs:
                self._declare_writer(descriptor)
        finally:
            os.close(descriptor)

    def _declare_writer(self, descriptor: int) -> None:
        # Refused where there is no format yet, which has the wanted effect all the same, and by
        # the versions that do not need it.
        with contextlib.suppress(OSError):
            self._ioctl(descriptor, STREAMON, _BufferType(BUFFER_OUTPUT))


def _open(path: str) -> int:
    return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
