from collections.abc import Sequence

import pytest
import torch

from livebg.clock import ManualClock
from livebg.device.coefficients import Planes
from livebg.device.networks import DeviceNetwork
from livebg.device.peaks import Peaks
from livebg.device.picture import DevicePicture
from livebg.device.workload import measure_workload
from livebg.errors import ModelError
from livebg.segment.base import SegmenterInfo

CPU = torch.device("cpu")


class Slow(DeviceNetwork):
    """A network that takes what a test says, by the manual clock."""

    def __init__(self, clock: ManualClock, takes_s: Sequence[float]) -> None:
        super().__init__(CPU, torch.float32, (32, 16))
        self._clock = clock
        self._takes_s = iter(takes_s)

    @property
    def info(self) -> SegmenterInfo:
        return SegmenterInfo("slow", "torch cpu f32", self.input_size, recurrent=False)

    def infer(self, pictures: Sequence[DevicePicture]) -> list[Planes]:
        assert [picture.size for picture in pictures] == [self.input_size]
        took_s = next(self._takes_s, None)
        if took_s is None:
            raise RuntimeError("it is tired")
        self._clock.advance(took_s)
        plane = torch.zeros((1, 1, 16, 32))
        return [Planes(plane, plane, plane)]

    def reset(self) -> None:
        raise NotImplementedError

    def look_unrecorded(self) -> None:
        torch.ones((2, 3)) @ torch.ones((3, 4))


def test_the_median_look_after_the_first_ones_counts() -> None:
    clock = ManualClock()
    warm_up = [9.0] * 5
    work = measure_workload(Slow(clock, [*warm_up, 0.001, 0.5, 0.002, 0.003, 0.002]), 5, clock)
    assert work.look_ns == 2_000_000
    assert work.demand.flops == 2 * 2 * 3 * 4
    assert work.peaks == Peaks("cpu")


def test_a_network_that_fails_is_a_sentence() -> None:
    clock = ManualClock()
    network = Slow(clock, [0.1])
    with pytest.raises(ModelError, match="torch failed on cpu while it ran slow: it is tired"):
        measure_workload(network, 1, clock)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_card_does_less_than_it_can_at_most() -> None:
    class Large(Slow):
        def __init__(self) -> None:
            super().__init__(ManualClock(), [])
            self.device = torch.device("cuda")
            self._matrix = torch.rand((4096, 4096), device="cuda")

        def infer(self, pictures: Sequence[DevicePicture]) -> list[Planes]:
            plane = (self._matrix @ self._matrix)[None, None, :16, :32]
            return [Planes(plane, plane, plane)]

        def look_unrecorded(self) -> None:
            self.infer([])

    work = measure_workload(Large(), 10, ManualClock())
    assert work.peaks.flops_per_s is not None
    done_per_s = work.demand.flops / work.look_ns * 1e9
    assert 0.1 < done_per_s / work.peaks.flops_per_s <= 1.05
