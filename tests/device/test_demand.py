from pathlib import Path

import torch
from torch import nn

from livebg.device.coefficients import Planes
from livebg.device.demand import demand_of
from livebg.device.networks import DeviceNetwork, DeviceRvm
from livebg.segment.base import SegmenterInfo

CPU = torch.device("cpu")


class OneLayer(DeviceNetwork):
    """A convolution of 3x3 from three channels to eight, whose answer is cut off below zero."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__(CPU, dtype, (20, 10))
        self._layer = nn.Conv2d(3, 8, 3, padding=1, bias=False).to(dtype)

    @property
    def info(self) -> SegmenterInfo:
        return SegmenterInfo("one layer", "torch", self.input_size, recurrent=False)

    def infer(self, pictures: object) -> list[Planes]:
        raise NotImplementedError

    def reset(self) -> None:
        raise NotImplementedError

    def look_unrecorded(self) -> None:
        seen = torch.zeros((1, 3, 10, 20), dtype=self.dtype)
        self._layer(seen[:, :, :, :]).transpose(2, 3).relu()


def test_operations_and_bytes_are_counted() -> None:
    demand = demand_of(OneLayer(torch.float32))
    pixels = 20 * 10
    assert demand.flops == 2 * pixels * 3 * 3 * 3 * 8
    zeros, weights, found = 3 * pixels, 8 * 3 * 3 * 3, 8 * pixels
    # Made; read, with the weights, and written; read and written. To look another way is free.
    assert demand.traffic_bytes == 4 * (zeros + zeros + weights + found + found + found)


def test_half_precision_moves_half_the_bytes_for_the_same_operations(rvm_weights: Path) -> None:
    full, half = (
        demand_of(DeviceRvm(rvm_weights, CPU, dtype, (64, 48)))
        for dtype in (torch.float32, torch.float16)
    )
    assert half.flops == full.flops
    assert full.traffic_bytes == 2 * half.traffic_bytes


def test_a_picture_of_four_times_the_pixels_asks_for_four_times_as_much(rvm_weights: Path) -> None:
    small, large = (
        demand_of(DeviceRvm(rvm_weights, CPU, torch.float32, size)).flops
        for size in ((128, 64), (256, 128))
    )
    # But for the layers that look at the means of whole planes.
    assert 3.9 < large / small <= 4


def test_what_is_spread_out_is_read_once() -> None:
    class Spread(OneLayer):
        def look_unrecorded(self) -> None:
            one = torch.zeros((1,), dtype=self.dtype)
            one.expand(100).neg()

    # One is made, one read, a hundred written.
    assert demand_of(Spread(torch.float32)).traffic_bytes == 4 * (1 + 1 + 100)
