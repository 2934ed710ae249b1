from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torchvision.models.segmentation import lraspp_mobilenet_v3_large

from livebg.errors import DeviceLostError, ModelError, SettingsError, UsageError, WeightsError
from livebg.frame import Frame, FramePyramid, Size
from livebg.models.rvm import RobustVideoMatting, initial_state
from livebg.models.torchvision import ClassLogits, load_classes
from livebg.segmenters.openvino import OpenvinoSegmenter
from livebg.segmenters.torch import (
    TorchEngine,
    TorchSegmenter,
    capture,
    class_step,
    resolve_device,
    rvm_step,
)
from tests.support.checkpoints import write_checkpoint
from tests.support.cuda import NEEDS_CUDA
from tests.support.mattes import frame_of

INPUT: Size = (128, 80)
LRASPP = "lraspp_mobilenet_v3_large"
CPU, CUDA = torch.device("cpu"), torch.device("cuda")

OLD_DRIVER = (
    "The NVIDIA driver on your system is too old (found version 11040). Please update your GPU "
    "driver by downloading and installing a new version from the URL: http://www.nvidia.com\nMore"
)
"""torch's own words."""


@pytest.fixture
def no_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.mark.usefixtures("no_card")
@pytest.mark.parametrize("name", ["cuda", "cuda:1", "mps", "tpu9000"])
def test_an_absent_device_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=f"torch (finds|has) no device '?{name}"):
        resolve_device(name)


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
    ("device", "precision", "engine"),
    [
        (CUDA, "auto", "torch cuda f16"),
        (CPU, "auto", "torch cpu f32"),
        (CUDA, "f32", "torch cuda f32"),
        (CPU, "bf16", "torch cpu bf16"),
    ],
)
def test_a_card_computes_in_half_precision_by_default(
    device: torch.device, precision: str, engine: str
) -> None:
    assert str(TorchEngine("rvm", device, precision)) == engine


def test_int8_is_refused() -> None:
    with pytest.raises(UsageError, match="no precision 'int8'; choose auto, f32, bf16, f16"):
        TorchEngine("rvm", CPU, "int8")


LOST = {
    "out of memory": torch.cuda.OutOfMemoryError(
        "CUDA out of memory. Tried to allocate 2.00 GiB.\nSee documentation"
    ),
    "gone": RuntimeError("CUDA error: unspecified launch failure\nCompile with TORCH_USE"),
    "no driver": RuntimeError("Found no NVIDIA driver on your system. Please check that"),
    "cudnn": RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
    "cublas": RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"),
    "mps": RuntimeError("MPS backend out of memory (MPS allocated: 9.1 GB). Tried to"),
}
"""Errors of torch that need a card to occur, word for word."""


@pytest.mark.parametrize("kind", LOST)
def test_a_lost_device_is_one_sentence(kind: str) -> None:
    with pytest.raises(DeviceLostError) as caught, TorchEngine("rvm", CPU, "f32").running():
        raise LOST[kind]
    message = str(caught.value)
    assert message.startswith("cpu ")
    assert "rvm" in message
    assert "\n" not in message
    assert not message.endswith(".")
    assert caught.value.__cause__ is LOST[kind]


def test_any_other_failure_is_the_networks() -> None:
    message = "torch failed on cpu while it ran rvm: shapes"
    with (
        pytest.raises(ModelError, match=message) as caught,
        TorchEngine("rvm", CPU, "f32").running(),
    ):
        raise RuntimeError("shapes do not match\nat line 5")
    assert not isinstance(caught.value, DeviceLostError)


@pytest.mark.parametrize("error", [SettingsError("no"), KeyError("no")])
def test_our_own_errors_and_programming_errors_pass(error: Exception) -> None:
    with pytest.raises(type(error)), TorchEngine("rvm", CPU, "f32").running():
        raise error


def test_torch_keeps_its_options() -> None:
    before = torch.get_num_threads()
    with TorchEngine("rvm", CPU, "f32", threads=before + 1).running():
        assert torch.get_num_threads() == before + 1
        assert not torch.is_grad_enabled()
    assert torch.get_num_threads() == before
    assert torch.is_grad_enabled()


# --- what both kinds of networks compute ---


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=NEEDS_CUDA)])
def device(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(LRASPP, tmp_path_factory.mktemp("weights") / f"{LRASPP}.pth")


# f32: sums in another order through sixty layers; f16 has eleven bits of mantissa and bf16 eight,
# and soft edges amplify some of that.
@pytest.mark.parametrize(("precision", "limit"), [("f32", 2e-3), ("f16", 1e-2), ("bf16", 1e-2)])
@pytest.mark.parametrize("crop", [False, True])
def test_rvm_gives_the_matte_of_openvino_on_a_real_clip(
    rvm_weights: Path,
    talking_head_frames: list[Frame],
    small_person: list[Frame],
    tmp_path: Path,
    device: str,
    precision: str,
    limit: float,
    crop: bool,
) -> None:
    frames = small_person if crop else talking_head_frames
    size = frames[0].size
    with (
        TorchSegmenter(
            rvm_weights,
            size,
            name="rvm",
            input_size=INPUT,
            device=device,
            precision=precision,
            crop=crop,
        ) as ours,
        OpenvinoSegmenter(
            rvm_weights,
            size,
            name="rvm",
            input_size=INPUT,
            cache_folder=tmp_path,
            precision="f32",
            crop=crop,
        ) as theirs,
    ):
        boxes = set()
        for frame in frames:
            matte, expected = ours.segment(FramePyramid(frame)), theirs.segment(FramePyramid(frame))
            assert matte.box == expected.box
            boxes.add(matte.box)
            found = matte.small_alpha(FramePyramid(frame))
            assert np.abs(found - expected.small_alpha(FramePyramid(frame))).mean() < limit
        assert (len(boxes) > 1) == crop
        assert found.max() > 0.95


def classes(checkpoint: Path, size: Size, device: str, *keep: str) -> TorchSegmenter:
    return TorchSegmenter(
        checkpoint, size, name=LRASPP, keep=keep, input_size=INPUT, device=device, precision="f32"
    )


def test_alpha_is_the_probability_of_the_kept_classes(
    checkpoint: Path, talking_head_frames: list[Frame], tmp_path: Path, device: str
) -> None:
    # As large as what the network sees: random weights would amplify how it was made smaller.
    frame = frame_of(talking_head_frames[0].image[::4, ::5][:80, :128], 0)
    keep = ("dog", "person", "background")
    with classes(checkpoint, frame.size, device, *keep) as segmenter:
        matte = segmenter.segment(FramePyramid(frame))
    rgb = torch.from_numpy(frame.image[..., ::-1].transpose(2, 0, 1).copy())[None] / 255
    logits = load_classes(LRASPP, checkpoint)(rgb)[0]
    expected = logits.softmax(0)[[0, 12, 15]].sum(0).numpy()
    # Channels-last kernels sum in another order, and random weights amplify that here and there.
    assert np.abs(matte.coarse - expected).mean() < 2e-3
    assert expected.std() > 0.02
    assert matte.labels is not None
    assert (matte.labels != logits.argmax(0).numpy()).mean() < 0.02
    assert not matte.gain.any()
    with OpenvinoSegmenter(
        checkpoint,
        frame.size,
        name=LRASPP,
        keep=keep,
        input_size=INPUT,
        cache_folder=tmp_path,
        precision="f32",
    ) as other:
        assert np.abs(matte.coarse - other.segment(FramePyramid(frame)).coarse).mean() < 2e-3


def test_an_unknown_class_is_refused(checkpoint: Path) -> None:
    with pytest.raises(UsageError, match=r"'unicorn'.*aeroplane"):
        classes(checkpoint, INPUT, "cpu", "unicorn")


def test_another_networks_checkpoint_is_refused(checkpoint: Path) -> None:
    with pytest.raises(WeightsError, match="no checkpoint of deeplabv3_resnet50"):
        TorchSegmenter(checkpoint, INPUT, name="deeplabv3_resnet50", input_size=INPUT)


# --- CUDA graphs ---


def summing(state: Tensor) -> Callable[[], Tensor]:
    return lambda: state.add_(1) * 1


@pytest.mark.parametrize("mark", [pytest.param("", marks=NEEDS_CUDA)])
def test_a_captured_step_keeps_its_state_and_gives_what_the_step_gives(mark: str) -> None:
    state = torch.zeros(3, device="cuda")
    step = summing(state)
    captured = capture(step, "summing")
    assert captured is not step
    state.zero_()
    for total in (1, 2, 3):
        assert captured().tolist() == [total] * 3


def test_a_step_that_cannot_be_captured_runs_as_it_is_and_the_log_says_why(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Absent:
        def wait_stream(self, other: object) -> None: ...
        def __enter__(self) -> None: ...
        def __exit__(self, *error: object) -> None: ...

    def refuse(*arguments: object, **options: object) -> None:
        raise RuntimeError("operation not permitted when stream is capturing\nmore")

    for name in ("Stream", "current_stream"):
        monkeypatch.setattr(torch.cuda, name, Absent)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: stream)
    monkeypatch.setattr(torch.cuda, "CUDAGraph", refuse)
    step = summing(torch.zeros(3))
    assert capture(step, "summing") is step
    (record,) = caplog.records
    assert record.getMessage() == (
        "summing cannot be captured as a CUDA graph and runs slower: "
        "operation not permitted when stream is capturing"
    )


# --- tensors without values, on a card that need not be there ---

_WAITS = ("_local_scalar_dense", "item", "is_nonzero", "equal", "nonzero", "masked_select")
"""Operations whose answer the host waits for."""


class ForbiddenError(Exception):
    """An operation that a step on a card must not contain."""


class Watch(TorchDispatchMode):
    """Lets only operations through that stay on the card, in the step's own type."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # torch's own
        self._dtype = dtype
        self.upcasts: list[tuple[str, tuple[int, ...]]] = []

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        name = func.overloadpacket.__name__
        if name in _WAITS:
            raise ForbiddenError(f"{name} waits for the device")
        outcome = func(*args, **(kwargs or {}))
        for tensor in tensors((args, kwargs, outcome)):
            if tensor.device.type != "cuda":
                raise ForbiddenError(f"{name} has a tensor on {tensor.device.type}")
        for tensor in tensors(outcome):
            if tensor.is_floating_point() and tensor.dtype != self._dtype:
                self.upcasts.append((name, tuple(tensor.shape)))
        return outcome


def tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


@pytest.fixture
def fake() -> Iterator[None]:
    with FakeTensorMode():
        yield


def on_card(make: Callable[[], nn.Module], dtype: torch.dtype) -> Any:
    """Make a network where it is to be: fake parameters cannot be moved."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with CUDA:
            return make().eval()
    finally:
        torch.set_default_dtype(before)


def pixels() -> Tensor:
    return torch.zeros((1, INPUT[1], INPUT[0], 3), dtype=torch.uint8, device=CUDA)


def lraspp() -> nn.Module:
    return ClassLogits(
        lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=21)
    )


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_rvm_stays_on_the_card_and_computes_in_its_own_type(dtype: torch.dtype) -> None:
    model = on_card(RobustVideoMatting, dtype)
    state = initial_state(INPUT, device=CUDA, dtype=dtype)
    watch = Watch(dtype)
    with torch.inference_mode(), watch:
        planes = rvm_step(model, pixels(), state)
    assert planes.shape == (3, INPUT[1], INPUT[0])
    assert planes.dtype == torch.float32
    # The planes to download.
    assert [shape for _, shape in watch.upcasts] == [(3, INPUT[1], INPUT[0])]


@pytest.mark.usefixtures("fake")
def test_a_network_with_classes_adds_probabilities_alone_in_f32() -> None:
    model = on_card(lraspp, torch.float16)
    kept = torch.zeros(2, dtype=torch.int64, device=CUDA)
    watch = Watch(torch.float16)
    with torch.inference_mode(), watch:
        planes = class_step(model, kept, torch.float16, pixels())
    assert planes.shape == (2, INPUT[1], INPUT[0])
    # Probabilities of 21 classes, the kept ones, their sum, and the labels; no feature map.
    assert watch.upcasts
    assert max(np.prod(shape) for _, shape in watch.upcasts) == 21 * INPUT[0] * INPUT[1]
    assert "softmax" in {name for name, _ in watch.upcasts}
