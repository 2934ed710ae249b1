from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from livebg.models.nets.rvm import ALPHA_PLANE, RobustVideoMatting, initial_state
from livebg.models.nets.rvm_weights import load_rvm
from livebg.models.openvino_import import import_openvino
from livebg.models.rvm_graph import state_shapes

FRAMES = 30


@pytest.fixture(scope="module")
def model(rvm_weights: Path) -> RobustVideoMatting:
    return load_rvm(rvm_weights)


def pictures(clip: Path) -> Iterator[NDArray[np.float32]]:
    """The frames as ``(1, 3, H, W)`` RGB in 0..1."""
    with av.open(str(clip)) as container:
        for frame in container.decode(video=0):
            rgb = frame.to_ndarray(format="rgb24").astype(np.float32) / 255
            yield np.ascontiguousarray(rgb.transpose(2, 0, 1)[None])


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
    ratio = np.array([0.4], np.float32)
    theirs = [np.zeros((1, 1, 1, 1), np.float32)] * 4
    ours = initial_state((256, 144))
    worst_alpha = worst_colour = 0.0
    for picture in islice(pictures(talking_head_clip), FRAMES):
        expected = released([picture, *theirs, ratio])
        theirs = [expected[name].copy() for name in ("r1o", "r2o", "r3o", "r4o")]
        with torch.inference_mode():
            found = model(torch.from_numpy(picture), ours, 0.4)
        ours = found.state
        worst_alpha = max(worst_alpha, np.abs(found.alpha.numpy() - expected["pha"]).max())
        worst_colour = max(worst_colour, np.abs(found.foreground.numpy() - expected["fgr"]).max())
    # The promise is 2e-3; different orders of summation leave 2e-5 over 30 recurrent frames, and a
    # single wrong weight 1e-1.
    assert worst_alpha <= 1e-3
    assert worst_colour <= 1e-3


def test_the_coefficients_applied_at_full_size_are_the_released_matte(
    model: RobustVideoMatting, talking_head_clip: Path
) -> None:
    picture = torch.from_numpy(next(pictures(talking_head_clip)))
    state = initial_state((256, 144))
    resized = torch.nn.functional.interpolate
    with torch.inference_mode():
        whole = model(picture, state, 0.4)
        small = resized(picture, scale_factor=0.4, mode="bilinear", recompute_scale_factor=False)
        found = model.coefficients(small, state)
        gain, offset = (
            resized(plane[:, ALPHA_PLANE:], picture.shape[2:], mode="bilinear")
            for plane in (found.gain, found.offset)
        )
        alpha = (gain * picture.mean(1, keepdim=True) + offset).clamp(0, 1)
    torch.testing.assert_close(alpha, whole.alpha)
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


def test_one_value_stands_for_a_whole_state(model: RobustVideoMatting) -> None:
    picture = torch.rand(1, 3, 64, 96)
    zero = torch.zeros(1, 1, 1, 1)
    with torch.inference_mode():
        short = model.coefficients(picture, (zero, zero, zero, zero))
        long = model.coefficients(picture, initial_state((96, 64)))
    torch.testing.assert_close(short.gain, long.gain)


def test_it_alters_neither_picture_nor_state(model: RobustVideoMatting) -> None:
    picture, state = torch.rand(1, 3, 64, 96), initial_state((96, 64))
    before = picture.clone()
    with torch.inference_mode():
        found = model.coefficients(picture, state)
    assert torch.equal(picture, before)
    assert all(not tensor.any() for tensor in state)
    assert all(tensor.any() for tensor in found.state)


def test_bfloat16_gives_nearly_the_same_matte(rvm_weights: Path, talking_head_clip: Path) -> None:
    picture = torch.from_numpy(next(pictures(talking_head_clip)))
    small = torch.nn.functional.interpolate(picture, (144, 256), mode="area")
    exact, short = load_rvm(rvm_weights), load_rvm(rvm_weights).to(torch.bfloat16)
    with torch.inference_mode():
        expected = exact.coefficients(small, initial_state((256, 144)))
        found = short.coefficients(
            small.bfloat16(), initial_state((256, 144), dtype=torch.bfloat16)
        )
    assert found.gain.dtype == torch.bfloat16
    # bfloat16 has 8 bits of mantissa: 1/256 of a value, some of it amplified at soft edges.
    assert float((found.coarse.float() - expected.coarse).abs().mean()) < 5e-3


def test_torch_can_export_the_coefficients(model: RobustVideoMatting) -> None:
    class Cut(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, rgb: torch.Tensor, *state: torch.Tensor) -> tuple[torch.Tensor, ...]:
            found = self.model.coefficients(rgb, (state[0], state[1], state[2], state[3]))
            return found.gain, found.coarse

    arguments = (torch.rand(1, 3, 64, 96), *initial_state((96, 64)))
    exported = torch.export.export(Cut(), arguments).module()
    with torch.no_grad():
        torch.testing.assert_close(exported(*arguments), Cut()(*arguments))
