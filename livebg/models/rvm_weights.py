"""Robust Video Matting's released weights, read into ``RobustVideoMatting``.

Two files of the release (v1.0.0) hold the same weights:

- ``rvm_mobilenetv3_fp32.onnx``: batch norm is folded already and most initialisers are numbered,
  so they are taken in the order in which the graph's convolutions run, which is the order in which
  ``RobustVideoMatting`` registers its own.
- ``rvm_mobilenetv3.pth``: named convolutions and batch norms, folded here (Jacob et al. 2018,
  arXiv 1712.05877, eq. 14).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from livebg.errors import InputError, WeightsError
from livebg.models.onnx import read_onnx
from livebg.models.rvm import MobileNetV3, RobustVideoMatting
from livebg.models.torchvision import read_state_dict

__all__ = ["load_rvm"]

_BACKBONE_EPSILON = 1e-3
_EPSILON = 1e-5


class _Convolution(NamedTuple):
    """Where the ``.pth`` keeps a convolution, and the batch norm that follows it."""

    name: str
    norm: str | None = None
    epsilon: float = _EPSILON


def load_rvm(path: Path) -> RobustVideoMatting:
    """Return the network with the weights of a released file, on the CPU in float32, evaluating.

    Raises:
        WeightsError: the file is not the release's ``.onnx`` or ``.pth``.
    """
    read = _folded_from_onnx if path.suffix.lower() == ".onnx" else _folded_from_checkpoint
    model = RobustVideoMatting()
    convolutions = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    found = list(read(path))
    if len(found) != len(convolutions):
        raise _not_rvm(path, f"{len(found)} convolutions instead of {len(convolutions)}")
    with torch.no_grad():
        for number, (module, (weight, bias)) in enumerate(zip(convolutions, found, strict=True)):
            _fill(module, weight, bias, path, number)
    return model.eval().requires_grad_(False)


def _backbone_layout() -> Iterator[_Convolution]:
    for name, module in MobileNetV3().named_modules(prefix="backbone"):
        if isinstance(module, nn.Conv2d):
            layer, _, last = name.rpartition(".")
            yield _Convolution(name, f"{layer}.1" if last == "0" else None, _BACKBONE_EPSILON)


def _head_layout() -> Iterator[_Convolution]:
    yield _Convolution("aspp.aspp1.0", "aspp.aspp1.1")
    yield _Convolution("aspp.aspp2.1")
    for level in (4, 3, 2, 1):
        prefix = f"decoder.decode{level}"
        if level < 4:
            yield _Convolution(f"{prefix}.conv.0", f"{prefix}.conv.1")
        yield _Convolution(f"{prefix}.gru.ih.0")
        yield _Convolution(f"{prefix}.gru.hh.0")
    yield _Convolution("decoder.decode0.conv.0", "decoder.decode0.conv.1")
    yield _Convolution("decoder.decode0.conv.3", "decoder.decode0.conv.4")
    yield _Convolution("project_mat.conv")
    yield _Convolution("refiner.box_filter")
    yield _Convolution("refiner.conv.0", "refiner.conv.1")
    yield _Convolution("refiner.conv.3", "refiner.conv.4")
    yield _Convolution("refiner.conv.6")


def _folded_from_checkpoint(path: Path) -> Iterator[tuple[Tensor, Tensor | None]]:
    state = read_state_dict(path, "rvm")
    for convolution in (*_backbone_layout(), *_head_layout()):
        try:
            yield _fold(state, convolution)
        except KeyError as error:
            raise _not_rvm(path, f"no tensor {error.args[0]}") from error
        except RuntimeError as error:
            raise _not_rvm(path, f"{convolution.norm} does not fit {convolution.name}") from error


def _fold(state: Mapping[str, Tensor], convolution: _Convolution) -> tuple[Tensor, Tensor | None]:
    """Return weight and bias of a convolution with its batch norm folded in."""
    weight, bias = state[f"{convolution.name}.weight"], state.get(f"{convolution.name}.bias")
    if convolution.norm is None:
        return weight, bias
    mean, variance, scale, shift = (
        state[f"{convolution.norm}.{part}"].double()
        for part in ("running_mean", "running_var", "weight", "bias")
    )
    factor = scale / torch.sqrt(variance + convolution.epsilon)
    folded_bias = shift - mean * factor if bias is None else shift + (bias - mean) * factor
    folded_weight = weight.double() * factor.view(-1, 1, 1, 1)
    return folded_weight.float(), folded_bias.float()


def _folded_from_onnx(path: Path) -> Iterator[tuple[Tensor, Tensor | None]]:
    from onnx import numpy_helper

    try:
        graph = read_onnx(path).graph
    except InputError as error:
        raise WeightsError(str(error)) from error
    initialisers: dict[str, Any] = {tensor.name: tensor for tensor in graph.initializer}
    read: set[str] = set()
    for node in graph.node:
        # The refiner runs its window filter four times.
        if node.op_type != "Conv" or node.input[1] in read:
            continue
        read.add(node.input[1])
        missing = [name for name in node.input[1:] if name not in initialisers]
        if missing:
            raise _not_rvm(path, f"no initialiser {missing[0]}")
        tensors = [
            torch.from_numpy(numpy_helper.to_array(initialisers[name]).copy())
            for name in node.input[1:]
        ]
        yield tensors[0], tensors[1] if len(tensors) == 2 else None


def _fill(module: nn.Conv2d, weight: Tensor, bias: Tensor | None, path: Path, number: int) -> None:
    if module.weight.shape != weight.shape or (module.bias is None) != (bias is None):
        raise _not_rvm(
            path,
            f"convolution {number} is {tuple(weight.shape)} instead of "
            f"{tuple(module.weight.shape)}",
        )
    module.weight.copy_(weight)
    if module.bias is not None and bias is not None:
        module.bias.copy_(bias)


def _not_rvm(path: Path, reason: str) -> WeightsError:
    return WeightsError(
        f"{path} is not Robust Video Matting with MobileNetV3 ({reason}); "
        "take rvm_mobilenetv3.pth or rvm_mobilenetv3_fp32.onnx of its release v1.0.0"
    )
