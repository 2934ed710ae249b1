from dataclasses import dataclass

import pytest
import torch

from livebg.device.peaks import Peaks, peaks_of, peaks_of_card

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Card:
    """What drivers say of cards; clocks in kHz."""

    name: str
    major: int
    minor: int
    multi_processor_count: int
    clock_rate: int
    memory_clock_rate: int
    memory_bus_width: int


GTX_1080_TI = Card("GTX 1080 Ti", 6, 1, 28, 1_582_000, 5_505_000, 352)
A100 = Card("A100", 8, 0, 108, 1_410_000, 1_215_000, 5120)
RTX_4090 = Card("RTX 4090", 8, 9, 128, 2_520_000, 10_501_000, 384)


@pytest.mark.parametrize(
    ("card", "dtype", "teraflops", "gigabytes"),
    [
        (GTX_1080_TI, torch.float32, 11.3, 484),
        (A100, torch.float32, 19.5, 1555),
        (A100, torch.float16, 312, 1555),
        (A100, torch.bfloat16, 312, 1555),
        (RTX_4090, torch.float32, 82.6, 1008),
    ],
)
def test_peaks_are_those_of_the_data_sheets(
    card: Card, dtype: torch.dtype, teraflops: float, gigabytes: float
) -> None:
    peaks = peaks_of_card(card, dtype)
    # Data sheets are rounded.
    assert peaks.flops_per_s == pytest.approx(teraflops * 1e12, rel=0.01)
    assert peaks.bytes_per_s == pytest.approx(gigabytes * 1e9, rel=0.01)
    assert f"compute capability {card.major}.{card.minor}" in peaks.source


def test_a_card_without_tensor_cores_has_no_known_peak_in_half_precision() -> None:
    peaks = peaks_of_card(GTX_1080_TI, torch.float16)
    assert peaks.flops_per_s is None
    assert peaks.bytes_per_s is not None


def test_what_the_driver_does_not_tell_is_not_made_up() -> None:
    silent = Card("a card of tomorrow", 99, 0, 100, 0, 0, 0)
    assert peaks_of_card(silent, torch.float32) == Peaks("a card of tomorrow")


def test_bf16_came_later_than_tensor_cores() -> None:
    turing = Card("RTX 2080 Ti", 7, 5, 68, 1_545_000, 7_000_000, 352)
    assert peaks_of_card(turing, torch.float16).flops_per_s == pytest.approx(107.6e12, rel=0.01)
    assert peaks_of_card(turing, torch.bfloat16).flops_per_s is None


def test_nothing_is_known_of_a_processor() -> None:
    assert peaks_of(CPU, torch.float32) == Peaks("cpu")
