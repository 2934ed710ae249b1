import pytest
import torch

from livebg.device.faults import at_work
from livebg.errors import DeviceLostError, ModelError, SettingsError

CUDA = torch.device("cuda")

LOST = {
    "out of memory": torch.cuda.OutOfMemoryError(
        "CUDA out of memory. Tried to allocate 2.00 GiB.\nSee documentation"
    ),
    "gone": RuntimeError("CUDA error: unspecified launch failure\nCompile with TORCH_USE"),
    "unplugged": RuntimeError("CUDA error: no CUDA-capable device is detected"),
    "old driver": RuntimeError("The NVIDIA driver on your system is too old (found version 11040)"),
    "no driver": RuntimeError("Found no NVIDIA driver on your system. Please check that"),
    "cudnn": RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
    "cublas": RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"),
}
"""What torch raises, word for word; none of it can be brought about without a GPU."""


@pytest.mark.parametrize("kind", LOST)
def test_a_lost_device_is_one_sentence(kind: str) -> None:
    with pytest.raises(DeviceLostError) as caught, at_work("rvm", CUDA):
        raise LOST[kind]
    message = str(caught.value)
    assert message.startswith("cuda ")
    assert "rvm" in message
    assert "\n" not in message
    assert not message.endswith(".")
    assert caught.value.__cause__ is LOST[kind]


def test_any_other_failure_is_the_networks() -> None:
    said = "torch failed on cuda while it ran rvm: shapes"
    with pytest.raises(ModelError, match=said) as caught, at_work("rvm", CUDA):
        raise RuntimeError("shapes do not match\nat line 5")
    assert not isinstance(caught.value, DeviceLostError)


def test_our_own_errors_and_programming_errors_pass() -> None:
    with pytest.raises(SettingsError), at_work("rvm", CUDA):
        raise SettingsError("no")
    with pytest.raises(KeyError), at_work("rvm", CUDA):
        raise KeyError("no")


def test_nothing_is_kept_for_gradients() -> None:
    weight = torch.ones(3, requires_grad=True)
    with at_work("rvm", CUDA):
        assert not (weight * 2).requires_grad
