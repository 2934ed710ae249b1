"""Between upload and download: one device, no waiting, no other arithmetic. No GPU is needed."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

import livebg.device
from livebg.clock import ManualClock
from livebg.compose.blur import BlurPlate
from livebg.compose.compositor import Backdrop
from livebg.compose.plates import GreyPlate, MovingPlate, StillPlate
from livebg.device import chain as chain_module
from livebg.device.chain import DeviceChain
from livebg.device.networks import DeviceClasses, DeviceNetwork, DeviceRvm
from livebg.device.times import DeviceTimes
from livebg.device.wishes import Wishes
from livebg.models.nets.rvm import RobustVideoMatting
from livebg.models.nets.torchvision_nets import ClassLogits
from livebg.types import Box, Frame, Image
from tests.device.watch import HARMS, ForbiddenError, Harm, Watch

SIZE = (320, 180)
INPUT = (128, 80)
CUDA = torch.device("cuda")
PICTURE = np.zeros((40, 60, 3), np.uint8)

BACKDROPS: dict[str, Callable[[], Backdrop]] = {
    "blur": lambda: BlurPlate(50),
    "gray": GreyPlate,
    "picture": lambda: StillPlate(PICTURE),
    "video": lambda: MovingPlate(lambda _: PICTURE.copy(), lambda: None),
    "transparent": lambda: "transparent",
    "none": lambda: "none",
}
WINDOWS = {"whole": None, "window": Box(20.5, 10, 180.5, 100)}


class Gates:
    """Upload and download without a GPU: pictures come from nowhere, composites go nowhere."""

    def __init__(self, device: torch.device, times: DeviceTimes) -> None:
        self._device = device

    def upload(self, image: Image) -> Tensor:
        return torch.empty(image.shape, dtype=torch.uint8, device=self._device)

    def download(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        for tensor in tensors:
            assert tensor.device.type == self._device.type
            assert tensor.dtype in (torch.uint8, torch.float32)
        return list(tensors)


@pytest.fixture(autouse=True)
def gates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the two gates, the device's clock and the recorder, which need a driver."""
    cpu = torch.device("cpu")
    monkeypatch.setattr(chain_module, "Crossing", Gates)
    monkeypatch.setattr(chain_module, "DeviceTimes", lambda device, clock: DeviceTimes(cpu, clock))
    monkeypatch.setattr("livebg.device.networks.place", lambda network, device, dtype: network)
    monkeypatch.setattr("livebg.device.networks.recorded", lambda step, examples, what: step)


@pytest.fixture(autouse=True)
def fake() -> Iterator[None]:
    """Tensors without values, on any device."""
    with FakeTensorMode():
        yield


def placed(network: Callable[[], nn.Module], dtype: torch.dtype) -> nn.Module:
    """A network made where it is to be: fake parameters cannot be moved."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with CUDA:
            return network().eval()
    finally:
        torch.set_default_dtype(before)


def rvm(monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype = torch.float16) -> DeviceNetwork:
    made = placed(RobustVideoMatting, dtype)
    monkeypatch.setattr("livebg.device.networks.load_rvm", lambda _: made)
    return DeviceRvm(Path("rvm"), CUDA, dtype, INPUT)


def classes(monkeypatch: pytest.MonkeyPatch) -> DeviceNetwork:
    from torchvision.models.segmentation import lraspp_mobilenet_v3_large

    def make() -> nn.Module:
        return ClassLogits(
            lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=21)
        )

    made = placed(make, torch.float16)
    monkeypatch.setattr("livebg.device.networks.load_classes", lambda name, path: made)
    return DeviceClasses("lraspp", Path("lraspp"), CUDA, torch.float16, INPUT, ("person", "dog"))


NETWORKS = {"rvm": rvm, "classes": classes}


@pytest.fixture(params=NETWORKS)
def network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> DeviceNetwork:
    return NETWORKS[request.param](monkeypatch)


def frame(index: int) -> Frame:
    return Frame(np.zeros((SIZE[1], SIZE[0], 3), np.uint8), index, index * 33_000_000)


def play(
    network: DeviceNetwork, backdrop: Backdrop, wishes: Wishes, most_f32: int | None = None
) -> list[str]:
    """Run everything that a chain can do under the watch; return the operations."""
    with Watch("cuda", (torch.float16, torch.float32), most_f32) as watch:
        chain = DeviceChain(network, SIZE, backdrop, ManualClock())
        for index in range(2):
            picture = chain.receive(frame(index))
            (planes,) = chain.infer([picture])
            matte = chain.refine(planes, picture, smoothing_s=0.1, keep=True)
            assert matte.planes.gain.dtype == torch.float32
            composite: Any = chain.compose(matte, replace(wishes, mirror=index == 1))
            channels = 4 if backdrop == "transparent" else 3
            assert composite[1].shape == (SIZE[1], SIZE[0], channels)
            chain.labels(matte)
        chain.compose(chain.carry(chain.receive(frame(2))), wishes)
        chain.reset()
    operations: list[str] = watch.operations
    return operations


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("backdrop", BACKDROPS)
def test_the_chain_for_cuda_stays_there_and_never_waits(
    network: DeviceNetwork, backdrop: str, window: str
) -> None:
    wishes = Wishes(edge_colour=True, alpha=True, small_alpha=True, window=WINDOWS[window])
    operations = play(network, BACKDROPS[backdrop](), wishes)
    assert {"conv2d", "grid_sampler"} <= set(operations)


COLOURED = ["blur", "picture", "video", "transparent", "none"]
"""Backdrops that take no sum of three colours at full size, which f16 would be too coarse for."""


@pytest.mark.parametrize("backdrop", COLOURED)
def test_the_colours_of_every_pixel_stay_in_half_precision(
    monkeypatch: pytest.MonkeyPatch, backdrop: str
) -> None:
    """In float32 there may be two planes at full size, as gain and offset are, and never three."""
    wishes = Wishes(edge_colour=True, alpha=True, small_alpha=True)
    play(rvm(monkeypatch), BACKDROPS[backdrop](), wishes, most_f32=3 * SIZE[0] * SIZE[1] - 1)


@pytest.mark.parametrize("place", ["clean_colours", "blended"])
def test_an_upcast_of_colours_is_found(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    planted = _after(getattr(chain_module, place), lambda colours: colours.float())
    monkeypatch.setattr(chain_module, place, planted)
    wishes = Wishes(edge_colour=True)
    with pytest.raises(ForbiddenError, match="values in float32"):
        play(rvm(monkeypatch), BACKDROPS["picture"](), wishes, most_f32=3 * SIZE[0] * SIZE[1] - 1)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_the_network_computes_in_its_own_type_alone(
    monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype
) -> None:
    network = rvm(monkeypatch, dtype)
    with torch.inference_mode(), Watch("cuda", (dtype,)):
        network.look_unrecorded()


def test_a_network_with_classes_adds_probabilities_in_f32_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = classes(monkeypatch)
    with torch.inference_mode(), Watch("cuda", (torch.float16, torch.float32)) as watch:
        network.look_unrecorded()
    last = max(n for n, name in enumerate(watch.operations) if name == "conv2d")
    assert "softmax" in watch.operations[last:]


@pytest.mark.parametrize("harm", HARMS)
@pytest.mark.parametrize("place", ["small_grey", "full_alpha", "with_coefficients"])
def test_what_harms_is_found_wherever_it_is_planted(
    monkeypatch: pytest.MonkeyPatch, harm: str, place: str
) -> None:
    planted = _after(getattr(chain_module, place), HARMS[harm])
    monkeypatch.setattr(chain_module, place, planted)
    with pytest.raises(Exception) as caught:
        play(classes(monkeypatch), "none", Wishes(edge_colour=True, alpha=True))
    assert not isinstance(caught.value, AssertionError)


def _after(function: Callable[..., Any], harm: Harm) -> Callable[..., Any]:
    """Return ``function`` with ``harm`` done to a tensor of what it returns."""

    def planted(*arguments: Any, **options: Any) -> Any:
        found = function(*arguments, **options)
        if isinstance(found, Tensor):
            return harm(found)
        harm(found.gain)
        return found

    return planted


def test_an_upcast_in_the_network_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    network = rvm(monkeypatch)
    network._model.aspp.register_forward_hook(lambda *parts: parts[2].float().half())  # type: ignore[attr-defined]
    with (
        torch.inference_mode(),
        Watch("cuda", (torch.float16,)),
        pytest.raises(ForbiddenError, match=r"computes in torch\.float32"),
    ):
        network.look_unrecorded()


_HOST_CALLS = {"cpu", "item", "numpy", "tolist", "synchronize", "nonzero", "masked_select"}
_MAKERS = {"tensor", "as_tensor", "from_numpy"}
_SOURCES = sorted(Path(livebg.device.__file__).parent.glob("*.py"))


def crossings(source: str) -> list[str]:
    """Return the calls in a module that copy between host and device, or wait."""
    tree = ast.parse(source)
    made_once = {
        id(call)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef) and function.name == "__init__"
        for call in ast.walk(function)
    }
    found = []
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
            continue
        name = call.func.attr
        said = [a.value for a in ast.walk(call) if isinstance(a, ast.Constant)]
        if (
            name in _HOST_CALLS
            or (name in _MAKERS and id(call) not in made_once)
            or (name in ("to", "copy_") and "cpu" in said)
        ):
            found.append(f"line {call.lineno}: {ast.unparse(call)}")
    return found


@pytest.mark.parametrize("path", _SOURCES, ids=lambda path: path.name)
def test_only_the_crossing_touches_the_host(path: Path) -> None:
    found = crossings(path.read_text(encoding="utf-8"))
    assert bool(found) == (path.name == "crossing.py"), found


@pytest.mark.parametrize(
    "line",
    [
        "alpha.cpu()",
        "alpha.sum().item()",
        "alpha.detach().numpy()",
        "alpha.tolist()",
        "alpha.to('cpu')",
        "alpha.to(device=torch.device('cpu'))",
        "torch.cuda.synchronize()",
        "torch.tensor([1.0], device=alpha.device)",
        "torch.nonzero(alpha)",
    ],
)
def test_the_reading_finds_what_it_looks_for(line: str) -> None:
    assert crossings(f"def f(alpha):\n    return {line}\n")
