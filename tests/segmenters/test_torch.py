import pytest
import torch
from torch import nn

from livebg.errors import DeviceLostError, UsageError
from livebg.segmenters.torch import describe_engine, place, resolve_device, resolve_dtype

CPU, CUDA = torch.device("cpu"), torch.device("cuda")

OLD_DRIVER = (
    "The NVIDIA driver on your system is too old (found version 11040). Please update your GPU "
    "driver by downloading and installing a new version from the URL: http://www.nvidia.com\nMore"
)
"""torch's own words."""


@pytest.fixture
def no_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def test_the_processor_is_always_there() -> None:
    assert resolve_device("cpu") == CPU


@pytest.mark.usefixtures("no_card")
@pytest.mark.parametrize("name", ["cuda", "cuda:1", "mps"])
def test_what_is_not_there_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(UsageError, match=f"torch finds no device {name} on this machine"):
        resolve_device(name)


def test_what_torch_does_not_know_is_refused() -> None:
    with pytest.raises(UsageError, match="torch has no device 'tpu9000'; choose cpu, cuda or mps"):
        resolve_device("tpu9000")


@pytest.mark.usefixtures("no_card")
def test_a_driver_that_is_too_old_is_a_lost_device(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise RuntimeError(OLD_DRIVER)

    monkeypatch.setattr(torch.cuda, "init", refuse)
    with pytest.raises(DeviceLostError) as caught:
        resolve_device("cuda")
    assert str(caught.value) == (
        "cuda cannot be used: The NVIDIA driver on your system is too old (found version 11040)"
    )


@pytest.mark.parametrize(
    ("device", "precision", "dtype"),
    [
        (CUDA, "auto", torch.float16),
        (CPU, "auto", torch.float32),
        (CUDA, "f32", torch.float32),
        (CPU, "bf16", torch.bfloat16),
    ],
    ids=str,
)
def test_a_card_computes_in_half_precision_unless_it_is_told_otherwise(
    device: torch.device, precision: str, dtype: torch.dtype
) -> None:
    assert resolve_dtype(device, precision) == dtype


def test_whole_numbers_are_not_for_torch() -> None:
    with pytest.raises(UsageError, match="no precision 'int8'; choose auto, f32, bf16, f16"):
        resolve_dtype(CPU, "int8")


def test_an_engine_says_where_and_in_what_it_computes() -> None:
    assert describe_engine(CUDA, torch.float16) == "torch cuda f16"


def test_a_network_is_placed_in_the_order_that_cards_want() -> None:
    placed = place(nn.Conv2d(4, 4, 3), CPU, torch.bfloat16)
    assert placed.weight.dtype == torch.bfloat16
    assert placed.weight.is_contiguous(memory_format=torch.channels_last)
