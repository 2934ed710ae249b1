import pytest
import torch

from livebg.clock import ManualClock
from livebg.device.times import DeviceTimes


def test_the_hosts_clock_times_the_cpu() -> None:
    clock = ManualClock()
    times = DeviceTimes(torch.device("cpu"), clock)
    for _ in range(2):
        with times.timed("refine"):
            clock.advance(0.003)
    assert times.read() == [("refine", 3_000_000)] * 2
    assert times.read() == []
    with times.timed("refine"):
        clock.advance(0.003)
    times.clear()
    assert times.read() == []


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_events_time_a_gpu() -> None:
    times = DeviceTimes(torch.device("cuda"), ManualClock())
    with times.timed("work"):
        torch.ones(1000, 1000, device="cuda") @ torch.ones(1000, 1000, device="cuda")
    torch.cuda.synchronize()
    ((stage, took_ns),) = times.read()
    assert stage == "work"
    assert took_ns > 0
