"""What a graphics card can do at most, by what its driver says of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch

__all__ = ["CardProperties", "Peaks", "peaks_of", "peaks_of_card"]

_HZ_PER_KHZ = 1_000
_BITS_PER_BYTE = 8
_TRANSFERS_PER_CLOCK = 2
"""All memory of graphics cards is double data rate, and drivers state the clock accordingly."""

_F32_PER_CLOCK = {
    (6, 0): 128,
    (6, 1): 256,
    (7, 0): 128,
    (7, 2): 128,
    (7, 5): 128,
    (8, 0): 128,
    (8, 6): 256,
    (8, 7): 256,
    (8, 9): 256,
    (9, 0): 256,
    (10, 0): 256,
    (12, 0): 256,
}
"""Operations that a multiprocessor does in a clock in f32, two for a fused multiplication and
addition, by compute capability: CUDA C++ Programming Guide, "Arithmetic Instructions"."""

_HALF_PER_CLOCK = {
    (7, 0): 1024,
    (7, 2): 1024,
    (7, 5): 1024,
    (8, 0): 2048,
    (8, 6): 1024,
    (8, 7): 2048,
    (8, 9): 1024,
    (9, 0): 4096,
    (10, 0): 8192,
    (12, 0): 1024,
}
"""The same in f16 on tensor cores, without sparsity: NVIDIA's papers on each architecture."""

_FIRST_WITH_BF16 = (8, 0)

_SOURCE = (
    "multiprocessors x highest clock x operations per clock of compute capability {}.{}, and "
    "memory clock x bus width, as the driver states them"
)


class CardProperties(Protocol):
    """What ``torch.cuda.get_device_properties`` returns, as far as it is needed here."""

    @property
    def name(self) -> str:
        """The card's name."""

    @property
    def major(self) -> int:
        """Compute capability, before the point."""

    @property
    def minor(self) -> int:
        """Compute capability, behind the point."""

    @property
    def multi_processor_count(self) -> int:
        """Multiprocessors."""

    @property
    def clock_rate(self) -> int:
        """Their highest clock, in kHz; 0 where the driver does not tell."""

    @property
    def memory_clock_rate(self) -> int:
        """The memory's, in kHz; 0 where the driver does not tell."""

    @property
    def memory_bus_width(self) -> int:
        """Width of the memory's bus, in bits."""


@dataclass(frozen=True, slots=True)
class Peaks:
    """What a device can do at most.

    Attributes:
        name: the device.
        flops_per_s: floating-point operations per second, or None where that is not known.
        bytes_per_s: bytes per second to and from its memory, or None.
        source: where the two are from; empty where neither is known.
    """

    name: str
    flops_per_s: float | None = None
    bytes_per_s: float | None = None
    source: str = ""


def peaks_of(device: torch.device, dtype: torch.dtype) -> Peaks:
    """Return what ``device`` can do at most in ``dtype``; only of CUDA's is anything known."""
    if device.type != "cuda":
        return Peaks(str(device))
    return peaks_of_card(torch.cuda.get_device_properties(device), dtype)


def peaks_of_card(card: CardProperties, dtype: torch.dtype) -> Peaks:
    """Return what a card can do at most in ``dtype``."""
    capability = (card.major, card.minor)
    per_clock = _F32_PER_CLOCK if dtype == torch.float32 else _HALF_PER_CLOCK
    known = dtype != torch.bfloat16 or capability >= _FIRST_WITH_BF16
    operations = per_clock.get(capability, 0) if known else 0
    clock_hz = card.clock_rate * _HZ_PER_KHZ
    memory_hz = card.memory_clock_rate * _HZ_PER_KHZ
    flops = card.multi_processor_count * clock_hz * operations
    moved = memory_hz * _TRANSFERS_PER_CLOCK * card.memory_bus_width / _BITS_PER_BYTE
    source = _SOURCE.format(*capability) if flops or moved else ""
    return Peaks(card.name, float(flops) or None, moved or None, source)
