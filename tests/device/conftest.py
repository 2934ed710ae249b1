"""Frames of a real clip, and the devices that there are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from livebg.types import Frame


@pytest.fixture(scope="session")
def frames(talking_head_frames: list[Frame]) -> list[Frame]:
    """A real clip's first frames, 640x360."""
    return talking_head_frames


DEVICES: list[Any] = ["cpu"]
if torch.cuda.is_available():
    DEVICES.append(pytest.param("cuda", marks=pytest.mark.gpu))


@pytest.fixture(params=DEVICES)
def device(request: pytest.FixtureRequest) -> torch.device:
    """Every device that the chain is tested on."""
    return torch.device(request.param)


@pytest.fixture(scope="session")
def soft_alpha() -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """A smooth alpha between 0 and 1, ``(144, 256)`` float32."""
    y, x = np.mgrid[0:144, 0:256].astype(np.float32)
    wave = 0.5 + 0.8 * np.sin(x / 23) * np.cos(y / 17)
    return np.asarray(np.clip(wave, 0, 1), np.float32)
