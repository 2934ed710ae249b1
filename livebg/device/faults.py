"""What torch raises when a device fails, translated: which failures pass, and which stay."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

from livebg.errors import DeviceLostError, LivebgError, ModelError

__all__ = ["at_work"]

_LOST = ("CUDA error", "CUDA driver", "NVIDIA driver", "No CUDA GPUs", "cuDNN error", "CUBLAS")
"""Words of torch's messages about a device that is gone, broken or not to be had: whatever is tried
next in this process will fail as well."""


@contextmanager
def at_work(model: str, device: torch.device) -> Iterator[None]:
    """Work on a device, as torch's current one and without gradients; translate what torch raises.

    Args:
        model: what works there, for the message.
        device: the device, for the message.

    Raises:
        DeviceLostError: it is out of memory, its driver is too old, or it has gone.
        ModelError: torch failed in another way.
    """
    try:
        with torch.inference_mode(), _chosen(device):
            yield
    except LivebgError:
        raise
    except RuntimeError as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
        if isinstance(error, torch.cuda.OutOfMemoryError):
            raise DeviceLostError(
                f"{device} has not enough memory for {model}: {reason}"
            ) from error
        if any(word in str(error) for word in _LOST):
            raise DeviceLostError(f"{device} failed while it ran {model}: {reason}") from error
        raise ModelError(
            f"torch failed on {device} while it ran {model}: {reason}; try --device cpu"
        ) from error


def _chosen(device: torch.device) -> AbstractContextManager[object]:
    """Streams, events and graphs are made on torch's current device: let that be ``device``."""
    if device.type == "cuda" and device.index is not None:
        return torch.cuda.device(device)
    return nullcontext()
