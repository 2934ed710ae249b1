from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import av
import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_weights

from livebg.errors import WeightsError
from livebg.models.openvino_ir import import_openvino
from livebg.models.rvm import ALPHA_PLANE, RobustVideoMatting, State, initial_state
from livebg.models.rvm_graph import state_shapes
from livebg.models.rvm_weights import load_rvm

FRAMES = 12


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Threads of torch wait for each other by spinning, which takes minutes on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def model(rvm_weights: Path) -> RobustVideoMatting:
    return load_rvm(rvm_weights)


def pictures(clip: Path) -> Iterator[NDArray[np.float32]]:
    """The frames as ``(1, 3, H, W)`` RGB in 0..1."""
    with av.open(str(clip)) as container:
        for frame in container.decode(video=0):
            rgb = frame.to_ndarray(format="rgb24").astype(np.float32) / 255
            yield np.ascontiguousarray(rgb.transpose(2, 0, 1)[None])


RATIO = 0.4
"""Size of the network's input, as a share of the picture's."""


def released_matte(
    model: RobustVideoMatting, picture: Tensor, state: State
) -> tuple[Tensor, Tensor, State]:
    """Refine to full size as the release does; return foreground, alpha and the next state."""
    small = F.interpolate(
        picture,
        scale_factor=RATIO,
        mode="bilinear",
        align_corners=False,
        recompute_scale_factor=False,
    )
    found = model.coefficients(small, state)
    gain, offset = (
        F.interpolate(planes, picture.shape[2:], mode="bilinear", align_corners=False)
        for planes in (found.gain, found.offset)
    )
    guide = torch.cat((picture, picture.mean(1, keepdim=True)), 1)
    refined = gain * guide + offset
    foreground = (refined[:, :ALPHA_PLANE] + picture).clamp(0, 1)
    return foreground, refined[:, ALPHA_PLANE:].clamp(0, 1), found.state


def test_it_gives_the_matte_of_the_released_onnx_file(
    model: RobustVideoMatting, rvm_weights: Path, talking_head_clip: Path
) -> None:
    released = (
        import_openvino()
        .Core()
        .compile_model(
            str(rvm_weights), "CPU", {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
        )
    )
    ratio = np.array([RATIO], np.float32)
    theirs = [np.zeros((1, 1, 1, 1), np.float32)] * 4
    ours = initial_state((256, 144))
    worst_alpha = worst_colour = 0.0
    for picture in islice(pictures(talking_head_clip), FRAMES):
        expected = released([picture, *theirs, ratio])
        theirs = [expected[name].copy() for name in ("r1o", "r2o", "r3o", "r4o")]
        with torch.inference_mode():
            colour, alpha, ours = released_matte(model, torch.from_numpy(picture), ours)
        worst_alpha = max(worst_alpha, np.abs(alpha.numpy() - expected["pha"]).max())
        worst_colour = max(worst_colour, np.abs(colour.numpy() - expected["fgr"]).max())
    # The promise is 2e-3; different orders of summation leave 2e-5 over 30 recurrent frames, and a
    # single wrong weight 1e-1.
    assert worst_alpha <= 1e-3
    assert worst_colour <= 1e-3
    assert 0.1 < float(alpha.mean()) < 0.9


@pytest.mark.parametrize("size", [(96, 64), (101, 67), (67, 101)])
def test_shapes_at_sizes_that_no_stride_divides(
    model: RobustVideoMatting, size: tuple[int, int]
) -> None:
    width, height = size
    with torch.inference_mode():
        found = model.coefficients(torch.rand(1, 3, height, width), initial_state(size))
    assert found.gain.shape == found.offset.shape == (1, 4, height, width)
    assert found.coarse.shape == (1, 1, height, width)
    assert [tuple(tensor.shape) for tensor in found.state] == state_shapes(size)


def test_it_alters_neither_picture_nor_state(model: RobustVideoMatting) -> None:
    picture, state = torch.rand(1, 3, 64, 96), initial_state((96, 64))
    before = picture.clone()
    with torch.inference_mode():
        found = model.coefficients(picture, state)
    assert torch.equal(picture, before)
    assert all(not tensor.any() for tensor in state)
    assert all(tensor.any() for tensor in found.state)


PLAIN, ATTENTIVE = ("0", "1", "2"), ("0", "1", "2.fc1", "2.fc2", "3")

BLOCKS = {
    1: ("0", "1"),
    **dict.fromkeys((2, 3, 7, 8, 9, 10), PLAIN),
    **dict.fromkeys((4, 5, 6, 11, 12, 13, 14, 15), ATTENTIVE),
}
"""The released encoder's convolutions; those but fc1 and fc2 are followed by a batch norm."""

HEAD = """
aspp.aspp1.0+1 aspp.aspp2.1
decoder.decode4.gru.ih.0 decoder.decode4.gru.hh.0
decoder.decode3.conv.0+1 decoder.decode3.gru.ih.0 decoder.decode3.gru.hh.0
decoder.decode2.conv.0+1 decoder.decode2.gru.ih.0 decoder.decode2.gru.hh.0
decoder.decode1.conv.0+1 decoder.decode1.gru.ih.0 decoder.decode1.gru.hh.0
decoder.decode0.conv.0+1 decoder.decode0.conv.3+4 project_mat.conv
refiner.box_filter refiner.conv.0+1 refiner.conv.3+4 refiner.conv.6
"""
"""All other convolutions; a number after a plus is the batch norm that follows."""


def released_names() -> list[tuple[str, str | None, float]]:
    """Prefixes of every convolution and its batch norm, and that norm's epsilon."""
    rows: list[tuple[str, str | None, float]] = []
    blocks = [f"{index}.block.{part}" for index in range(1, 16) for part in BLOCKS[index]]
    for part in ("0", *blocks, "16"):
        name = f"backbone.features.{part}"
        rows.append((name, None, 0) if ".fc" in part else (f"{name}.0", f"{name}.1", 1e-3))
    for part in HEAD.split():
        name, plus, norm = part.partition("+")
        rows.append((name, f"{name.rpartition('.')[0]}.{norm}" if plus else None, 1e-5))
    return rows


def random_release(model: RobustVideoMatting) -> dict[str, Tensor]:
    """A state dict as the release has it, with batch norms whose variances epsilon matters for."""
    random = torch.Generator().manual_seed(11)
    state: dict[str, Tensor] = {}
    convolutions = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    for module, (name, norm, _) in zip(convolutions, released_names(), strict=True):
        out = module.out_channels
        variance = 10 ** (-3 + 2 * torch.rand(out, generator=random))
        weight = torch.randn(module.weight.shape, generator=random)
        weight *= (2 / weight[0].numel()) ** 0.5
        if norm is None:
            state[f"{name}.weight"] = weight
            if module.bias is not None:
                state[f"{name}.bias"] = 0.1 * torch.randn(out, generator=random)
            continue
        state[f"{name}.weight"] = weight * variance.sqrt().view(-1, 1, 1, 1)
        state[f"{norm}.weight"] = 0.5 + torch.rand(out, generator=random)
        state[f"{norm}.bias"] = 0.1 * torch.randn(out, generator=random)
        state[f"{norm}.running_mean"] = 0.1 * variance.sqrt()
        state[f"{norm}.running_var"] = variance
        state[f"{norm}.num_batches_tracked"] = torch.tensor(1)
    state["project_seg.conv.weight"] = torch.zeros(1, 16, 1, 1)
    state["project_seg.conv.bias"] = torch.zeros(1)
    return state


def test_the_batch_norms_of_a_pth_are_folded_with_a_checkpoint_the_test_wrote(
    tmp_path: Path,
) -> None:
    state = random_release(RobustVideoMatting())
    torch.save(state, tmp_path / "rvm_mobilenetv3.pth")
    folded = load_rvm(tmp_path / "rvm_mobilenetv3.pth")
    convolutions = [module for module in folded.modules() if isinstance(module, nn.Conv2d)]
    for module, (name, norm, epsilon) in zip(convolutions, released_names(), strict=True):
        weight, bias = state[f"{name}.weight"], state.get(f"{name}.bias")
        if norm:
            mean, variance, scale, shift = (
                state[f"{norm}.{part}"]
                for part in ("running_mean", "running_var", "weight", "bias")
            )
            weight, bias = fuse_conv_bn_weights(weight, bias, mean, variance, epsilon, scale, shift)
        # Roundings of single precision; the other epsilon gives 4e-1.
        torch.testing.assert_close(module.weight, weight, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(module.bias, bias, rtol=1e-5, atol=1e-6)


def test_a_pth_that_lacks_a_tensor_is_refused(tmp_path: Path) -> None:
    state = random_release(RobustVideoMatting())
    del state["aspp.aspp1.1.running_var"]
    torch.save(state, tmp_path / "rvm.pth")
    with pytest.raises(WeightsError, match=r"no tensor aspp\.aspp1\.1\.running_var.*v1\.0\.0"):
        load_rvm(tmp_path / "rvm.pth")


def test_a_pth_of_another_variant_is_refused(tmp_path: Path) -> None:
    state = random_release(RobustVideoMatting())
    state["project_mat.conv.weight"] = torch.zeros(4, 32, 1, 1)
    torch.save(state, tmp_path / "rvm.pth")
    with pytest.raises(WeightsError, match="is \\(4, 32, 1, 1\\) instead of \\(4, 16, 1, 1\\)"):
        load_rvm(tmp_path / "rvm.pth")


def test_an_onnx_file_of_another_network_is_refused(rvm_weights: Path, tmp_path: Path) -> None:
    model = onnx.load(str(rvm_weights))
    first = next(node for node in model.graph.node if node.op_type == "Conv")
    model.graph.node.remove(first)
    onnx.save(model, str(tmp_path / "other.onnx"))
    with pytest.raises(WeightsError, match="81 convolutions instead of 82"):
        load_rvm(tmp_path / "other.onnx")


@pytest.mark.parametrize("content", [None, b"\x08\xff not a network"])
@pytest.mark.parametrize("name", ["rvm.onnx", "rvm.pth"])
def test_a_missing_or_damaged_file_is_refused(
    tmp_path: Path, name: str, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(WeightsError, match=name):
        load_rvm(tmp_path / name)
