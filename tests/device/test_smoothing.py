import numpy as np
import pytest
import torch

from livebg.device.flow import Moved
from livebg.device.smoothing import smoothed
from livebg.temporal.flow import FlowCarrier
from livebg.temporal.smoothing import smoothed as host_smoothed
from livebg.types import Frame
from tests.device.tensors import array, plane, planes_of
from tests.mattes import plain_matte

Alpha = np.ndarray[tuple[int, int], np.dtype[np.float32]]


@pytest.mark.parametrize("smoothing_s", [0.1, 1.0])
def test_it_is_the_hosts(
    frames: list[Frame], soft_alpha: Alpha, device: torch.device, smoothing_s: float
) -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, soft_alpha.shape)
    new = plain_matte(np.clip(soft_alpha + noise, 0, 1).astype(np.float32), frames[1])
    old = plain_matte(soft_alpha, frames[0])
    carrier = FlowCarrier(frames[0].size)
    carrier.set_anchor(frames[0], old)
    carried = carrier.carry(frames[1])
    theirs = host_smoothed(new, carried, 1 / 30, smoothing_s).coarse
    moved = Moved(
        planes_of(carried.matte, device),
        torch.zeros((), device=device),
        plane(carried.difference, device),
        plane(carried.displacement, device),
    )
    ours = array(smoothed(planes_of(new, device), moved, 1 / 30, smoothing_s).coarse)
    # The host's mean over a box is rounded to levels before it is compared with ten of them.
    assert np.abs(ours - theirs).mean() < 2e-3
    assert np.abs(ours - new.coarse).mean() > 1e-3
