"""torch: which device, and which arithmetic."""

from __future__ import annotations

import warnings
from typing import TypeVar

import torch
from torch import nn

from livebg.errors import DeviceLostError, UsageError

__all__ = [
    "describe_engine",
    "place",
    "prepare",
    "resolve_device",
    "resolve_dtype",
]

Network = TypeVar("Network", bound=nn.Module)

_DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}


def resolve_device(name: str) -> torch.device:
    """Return the device of a name, checked to be there.

    Args:
        name: ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.

    Raises:
        UsageError: there is no such device on this machine.
        DeviceLostError: there is, but its driver is too old.
    """
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"torch has no device {name!r}; choose cpu, cuda or mps") from error
    if device.type == "cuda":
        _require_cuda(device)
        return device
    present = {"cpu": True, "mps": torch.backends.mps.is_available()}
    if not present.get(device.type, False):
        raise UsageError(f"torch finds no device {name} on this machine; choose --device cpu")
    return device


def _require_cuda(device: torch.device) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what torch warns of is raised here
        if torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count():
            return
        try:
            torch.cuda.init()
        except (RuntimeError, AssertionError) as error:
            if "too old" in str(error):
                reason = str(error).splitlines()[0].partition(" Please ")[0].rstrip(".")
                raise DeviceLostError(f"{device} cannot be used: {reason}") from error
    raise UsageError(f"torch finds no device {device} on this machine; choose --device cpu")


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


def prepare(device: torch.device, dtype: torch.dtype, threads: int) -> None:
    """Set up torch, for the whole process, to run networks on a device.

    Args:
        device: the device.
        dtype: what they compute in.
        threads: processor threads, where the device is the CPU.
    """
    if device.type == "cpu":
        torch.set_num_threads(threads)
    if device.type == "cuda":
        # Every network has one size of input, so the search for the fastest algorithm pays.
        torch.backends.cudnn.benchmark = True
        # Who asks for f32 is not to get the ten bits of TF32.
        torch.backends.cudnn.allow_tf32 = dtype != torch.float32
