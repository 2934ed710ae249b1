"""Arrays of the host on a device, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from livebg.device.coefficients import Planes
from livebg.device.picture import DevicePicture
from livebg.types import FloatImage, Frame, Matte


def picture_of(
    frame: Frame, device: torch.device, dtype: torch.dtype = torch.float32
) -> DevicePicture:
    """``frame`` on a device."""
    image = torch.tensor(frame.image, device=device)
    return DevicePicture.of_bytes(image, dtype, index=frame.index, captured_ns=frame.captured_ns)


def plane(array: NDArray[Any], device: torch.device) -> Tensor:
    """``(h, w)`` or ``(h, w, c)`` as ``(1, c, h, w)`` float32."""
    channels = torch.tensor(np.atleast_3d(array), dtype=torch.float32, device=device)
    return channels.permute(2, 0, 1).unsqueeze(0)


def array(planes: Tensor) -> FloatImage:
    """``(1, c, h, w)`` as ``(h, w, c)``, or ``(h, w)`` of one channel."""
    found = planes[0].permute(1, 2, 0).float().cpu().numpy()
    return np.asarray(found[..., 0] if found.shape[2] == 1 else found, np.float32)


def planes_of(matte: Matte, device: torch.device) -> Planes:
    """``matte`` on a device."""
    gain, offset, coarse = (plane(p, device) for p in (matte.gain, matte.offset, matte.coarse))
    return Planes(gain, offset, coarse)
