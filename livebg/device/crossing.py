"""The two points at which host and device meet: ``upload`` and ``download``.

On CUDA a frame travels from pinned memory on a stream of its own, and so does a composite on its
way back: while one is computed the next can come and the last can go. Nothing else in this package
may copy to or from the host, or wait for the device; a test reads the package and keeps it so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from livebg.device.times import DeviceTimes
from livebg.types import Image

__all__ = ["Crossing", "Parcel"]


@dataclass(frozen=True, slots=True)
class Parcel:
    """Tensors on their way to the host as one block of bytes.

    Attributes:
        block: the bytes on the host; complete once ``arrived``.
        shapes: shape of each tensor.
        types: numpy type of each.
        event: recorded on CUDA when the last byte has been copied.
    """

    block: Tensor
    shapes: tuple[torch.Size, ...]
    types: tuple[str, ...]
    event: torch.cuda.Event | None

    def unpack(self) -> list[NDArray[Any]]:
        """Wait until everything has arrived, and return it.

        Returns:
            An array for each tensor; all are views of one block of memory that they keep alive.
        """
        if self.event is not None:
            self.event.synchronize()
        block: NDArray[np.uint8] = self.block.numpy()
        arrays, start = [], 0
        for shape, kind in zip(self.shapes, self.types, strict=True):
            end = start + shape.numel() * np.dtype(kind).itemsize
            arrays.append(block[start:end].view(kind).reshape(shape))
            start = end
        return arrays


class Crossing:
    """Carries frames to one device, and composites back. Called by one thread at a time.

    Args:
        device: the device.
        times: times the copies, as ``upload`` and ``download``.
    """

    def __init__(self, device: torch.device, times: DeviceTimes) -> None:
        self._device = device
        self._times = times
        cuda = device.type == "cuda"
        self._up = torch.cuda.Stream(device) if cuda else None
        self._down = torch.cuda.Stream(device) if cuda else None

    def upload(self, image: Image) -> Tensor:
        """Return a picture on the device; work on the current stream that uses it waits for it.

        Args:
            image: ``(H, W, 3)`` uint8; copied, and free again when this returns.

        Returns:
            ``(H, W, 3)`` uint8.
        """
        pinned = torch.empty(image.shape, dtype=torch.uint8, pin_memory=self._up is not None)
        if self._up is None:
            with self._times.timed("upload"):
                pinned.numpy()[:] = image
                return pinned.to(self._device)
        pinned.numpy()[:] = image
        with torch.cuda.stream(self._up), self._times.timed("upload"):
            sent = pinned.to(self._device, non_blocking=True)
        current = torch.cuda.current_stream(self._device)
        current.wait_stream(self._up)
        # Made on one stream and used on another: its memory must not be reused before that.
        sent.record_stream(current)
        return sent

    def download(self, tensors: Sequence[Tensor]) -> Parcel:
        """Send ``tensors`` to the host in one copy, in their order; does not wait for it.

        Args:
            tensors: uint8 or float32; the latter first, so that they are aligned.
        """
        types = tuple("f4" if tensor.dtype == torch.float32 else "u1" for tensor in tensors)
        shapes = tuple(tensor.shape for tensor in tensors)
        packed = torch.cat([tensor.contiguous().view(-1).view(torch.uint8) for tensor in tensors])
        if self._down is None:
            with self._times.timed("download"):
                return Parcel(packed.cpu(), shapes, types, None)
        block = torch.empty(packed.shape, dtype=torch.uint8, pin_memory=True)
        self._down.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(self._down):
            with self._times.timed("download"):
                block.copy_(packed, non_blocking=True)
            event = torch.cuda.Event()
            event.record()
        packed.record_stream(self._down)
        return Parcel(block, shapes, types, event)
