"""What a network asks of the torch device that runs it, and how much of that device it uses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from livebg.bench.subjects import SubjectPlan
from livebg.clock import NS_PER_S, MonotonicClock
from livebg.types import Size

__all__ = ["DeviceCase", "DeviceWork", "measure_device", "plan_device"]

_LOOKS = 50
"""Pictures that are timed, where the network is quick."""

_LOOKS_ON_A_PROCESSOR = 10


@dataclass(frozen=True, slots=True)
class DeviceCase:
    """One network that is yet to be measured.

    Attributes:
        plan: whose network it is.
        size: ``(width, height)`` of the frames.
        device: what runs it: ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.
    """

    plan: SubjectPlan
    size: Size
    device: str


@dataclass(frozen=True, slots=True)
class DeviceWork:
    """What was measured of a network alone, its pictures on the device already.

    Attributes:
        subject: name of the subject.
        size: ``(width, height)`` of the frames.
        device: name of the device.
        engine: what ran the network.
        input_size: ``(width, height)`` that it saw.
        network_ms: median time of a picture, in milliseconds.
        gflop: floating-point operations of a picture, in 1e9; see ``livebg.device.demand``.
        traffic_mb: bytes that its operations read and write, in 1e6.
        peak_gflop_per_s: the most operations that the device can do, in 1e9 per second, or None
            where that is not known.
        peak_gb_per_s: the most bytes that it can move, in 1e9 per second, or None.
        peaks_from: where the two are from; empty where neither is known.
    """

    subject: str
    size: Size
    device: str
    engine: str
    input_size: Size
    network_ms: float
    gflop: float
    traffic_mb: float
    peak_gflop_per_s: float | None
    peak_gb_per_s: float | None
    peaks_from: str

    @property
    def gflop_per_s(self) -> float:
        """Operations that were done, in 1e9 per second."""
        return self.gflop / self.network_ms * 1e3

    @property
    def gb_per_s(self) -> float:
        """Bytes that were moved, in 1e9 per second."""
        return self.traffic_mb / self.network_ms

    @property
    def fps(self) -> float:
        """Pictures per second."""
        return 1e3 / self.network_ms


def plan_device(presets: Sequence[SubjectPlan], sizes: Sequence[Size]) -> list[DeviceCase]:
    """Return a case per size and preset, of those that torch runs.

    Raises:
        UsageError: there is no such device.
    """
    from livebg.runtime.build import torch_device_of

    devices = [(plan, torch_device_of(plan.settings)) for plan in presets]
    return [
        DeviceCase(plan, size, device)
        for size in sizes
        for plan, device in devices
        if device is not None
    ]


def measure_device(case: DeviceCase) -> DeviceWork:
    """Measure ``case``; made for ``run_isolated``.

    Raises:
        LivebgError: the network cannot be loaded, or its device fails.
    """
    from livebg.device.workload import measure_workload
    from livebg.runtime.build_device import build_network

    network = build_network(case.plan.settings, case.size, case.device)
    looks = _LOOKS_ON_A_PROCESSOR if network.device.type == "cpu" else _LOOKS
    work = measure_workload(network, looks, MonotonicClock())
    peaks = work.peaks
    return DeviceWork(
        subject=case.plan.name,
        size=case.size,
        device=peaks.name,
        engine=network.info.engine,
        input_size=network.input_size,
        network_ms=work.look_ns / NS_PER_S * 1e3,
        gflop=work.demand.flops / 1e9,
        traffic_mb=work.demand.traffic_bytes / 1e6,
        peak_gflop_per_s=_in_1e9(peaks.flops_per_s),
        peak_gb_per_s=_in_1e9(peaks.bytes_per_s),
        peaks_from=peaks.source,
    )


def _in_1e9(value: float | None) -> float | None:
    return None if value is None else value / 1e9
