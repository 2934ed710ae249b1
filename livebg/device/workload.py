"""A network alone on its device: what it costs, how long it takes, and what the device could do."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

import torch

from livebg.clock import Clock
from livebg.device.crossing import Crossing
from livebg.device.demand import Demand, demand_of
from livebg.device.faults import at_work
from livebg.device.networks import DeviceNetwork
from livebg.device.peaks import Peaks, peaks_of
from livebg.device.picture import DevicePicture
from livebg.device.times import DeviceTimes

__all__ = ["Workload", "measure_workload"]

_WARM_UP_LOOKS = 5


@dataclass(frozen=True, slots=True)
class Workload:
    """What was measured of a network on its device.

    Attributes:
        demand: what one picture asks for.
        look_ns: median time of one picture, on CUDA between two of its own events.
        peaks: what the device could do at most.
    """

    demand: Demand
    look_ns: int
    peaks: Peaks


def measure_workload(network: DeviceNetwork, looks: int, clock: Clock) -> Workload:
    """Let ``network`` look at a grey picture, over and over, as its chain has it do.

    Args:
        network: what is measured; what it remembers is that picture then.
        looks: how often; a few before them are not counted.
        clock: times devices that have no clock of their own.

    Raises:
        ModelError: the network or its device fails.
    """
    with at_work(network.info.model, network.device):
        times = DeviceTimes(network.device, clock)
        width, height = network.input_size
        grey = torch.full((1, 3, height, width), 128.0, dtype=network.dtype, device=network.device)
        picture = DevicePicture(grey.to(memory_format=torch.channels_last), 0, 0)
        for _ in range(_WARM_UP_LOOKS):
            network.infer([picture])
        for _ in range(looks):
            with times.timed("look"):
                (planes,) = network.infer([picture])
        Crossing(network.device, times).download([planes.gain]).unpack()
        took_ns = [ns for stage, ns in times.read() if stage == "look"]
        peaks = peaks_of(network.device, network.dtype)
        return Workload(demand_of(network), round(median(took_ns)), peaks)
