"""torch: which device and arithmetic, and how pictures get there and back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from livebg.errors import ModelError, UsageError
from livebg.types import FloatImage, Frame, Image

__all__ = [
    "describe_engine",
    "download",
    "place",
    "resolve_device",
    "resolve_dtype",
    "running",
    "upload",
]

Network = TypeVar("Network", bound=nn.Module)

_DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}


def resolve_device(name: str) -> torch.device:
    """Return the device of a name, checked to be there.

    Args:
        name: ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.

    Raises:
        UsageError: there is no such device on this machine.
    """
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"torch has no device {name!r}; choose cpu, cuda or mps") from error
    present = {
        "cpu": True,
        "cuda": torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }
    if not present.get(device.type, False):
        raise UsageError(f"torch finds no device {name} on this machine; choose --device cpu")
    return device


def resolve_dtype(device: torch.device, precision: str) -> torch.dtype:
    """Return the type to compute in: for ``auto`` f16 on CUDA and f32 elsewhere.

    Args:
        device: where the network runs.
        precision: ``auto``, ``f32``, ``bf16`` or ``f16``.

    Raises:
        UsageError: there is no such precision.
    """
    if precision == "auto":
        return torch.float16 if device.type == "cuda" else torch.float32
    if precision not in _DTYPES:
        raise UsageError(f"no precision {precision!r}; choose auto, {', '.join(_DTYPES)}")
    return _DTYPES[precision]


def describe_engine(device: torch.device, dtype: torch.dtype) -> str:
    """Return the engine's name as statistics show it: ``torch cuda f16``."""
    short = next(name for name, value in _DTYPES.items() if value == dtype)
    return f"torch {device} {short}"


def place(network: Network, device: torch.device, dtype: torch.dtype) -> Network:
    """Move a network to a device, in channels-last order; returns the same object.

    That order is a third faster on the CPU, and what tensor cores want.
    """
    return network.to(device, dtype).to(memory_format=torch.channels_last)


def upload(image: Image, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Return a picture as a network takes it; bytes travel, the arithmetic is the device's.

    Args:
        image: ``(h, w, 3)`` uint8 BGR.
        device: where it goes.
        dtype: type of the result.

    Returns:
        ``(1, 3, h, w)`` RGB in 0..1.
    """
    rgb = torch.tensor(image, device=device).flip(2).permute(2, 0, 1)
    return (rgb.to(torch.float32) / 255).to(dtype).unsqueeze(0)


def download(planes: Tensor, model: str, frame: Frame) -> FloatImage:
    """Return planes ``(C, h, w)`` as a new C-contiguous float32 array.

    Args:
        planes: on any device, in any floating type.
        model: the network's name, for the message.
        frame: what they were computed from, for the message.

    Raises:
        ModelError: they hold something that is no number.
    """
    array: FloatImage = planes.float().cpu().contiguous().numpy()
    if not np.isfinite(array).all():
        raise ModelError(f"{model} returned values that are not numbers for frame {frame.index}")
    return array


@contextmanager
def running(model: str, device: torch.device) -> Iterator[None]:
    """Run a network without gradients, and translate what torch raises.

    Raises:
        ModelError: torch failed: out of memory, device lost.
    """
    try:
        with torch.inference_mode():
            yield
    except ModelError:
        raise
    except RuntimeError as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(
            f"torch failed on {device} while it ran {model}: {reason}; try --device cpu"
        ) from error
