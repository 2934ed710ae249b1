import pytest
import torch
from torch import Tensor

from livebg.device.graph import recorded


def doubled(x: Tensor) -> tuple[Tensor]:
    return (x * 2,)


def test_a_step_runs_as_it_is_where_there_are_no_graphs() -> None:
    assert recorded(doubled, [torch.zeros(3)], "doubling") is doubled


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU, where recording works")
def test_a_step_that_cannot_be_recorded_runs_as_it_is_and_the_log_says_why(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with torch._subclasses.fake_tensor.FakeTensorMode():
        example = torch.zeros(3, device="cuda")
        assert recorded(doubled, [example], "doubling") is doubled
    (record,) = caplog.records
    assert record.getMessage().startswith("doubling cannot be recorded as a CUDA graph (")
    assert "operation by operation" in record.getMessage()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_recorded_step_keeps_its_state_and_gives_what_the_step_gives() -> None:
    state = torch.zeros(3, device="cuda")

    def summed(x: Tensor) -> tuple[Tensor]:
        state.add_(x)
        return (state * 1,)

    step = recorded(summed, [torch.ones(3, device="cuda")], "summing")
    assert step is not summed
    state.zero_()
    for total in (2, 4, 6):
        assert step(torch.full((3,), 2.0, device="cuda"))[0].tolist() == [total] * 3
