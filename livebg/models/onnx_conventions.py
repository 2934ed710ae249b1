"""What an ONNX file does not say: how its input is scaled, and what its output means.

This rule decides how a picture is scaled:

1. uint8 input: the bytes as they are.
2. The graph begins by normalising (Sub, Add, Mul, Div with a constant, or BatchNormalization):
   0..255 where that constant is one for bytes (it subtracts or divides by more than 1, or
   multiplies by less than 0.1), else 0..1.
3. 2 channels: (x - 0.5) / 0.5, as PP-HumanSeg.
4. 21 channels: ImageNet's mean and deviation, as torchvision.
5. 1 channel: 0..1, as MediaPipe.

And this one what an output means: where the last operation that computes (copies, casts
and resizes do not count) is a Sigmoid, HardSigmoid, Softmax or Clip, probabilities; else logits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

__all__ = ["UNIT_SCALING", "Activation", "Kind", "Scaling", "activation_of", "scaling_of"]

Kind = Literal["recurrent", "matte", "two_class", "classes"]
Activation = Literal["none", "sigmoid", "softmax"]

_COPIES = frozenset(
    {
        "Cast",
        "DequantizeLinear",
        "Identity",
        "QuantizeLinear",
        "Reshape",
        "Resize",
        "Slice",
        "Squeeze",
        "Transpose",
        "Unsqueeze",
        "Upsample",
    }
)
_BOUNDED = frozenset({"Clip", "HardSigmoid", "Sigmoid", "Softmax"})
_NORMALISING = frozenset({"Add", "BatchNormalization", "Div", "Mul", "Sub"})


@dataclass(frozen=True, slots=True)
class Scaling:
    """How bytes become a network's input: ``(byte - mean) / deviation`` in each of R, G and B."""

    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]


_BYTES = Scaling((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
UNIT_SCALING = Scaling((0.0, 0.0, 0.0), (255.0, 255.0, 255.0))
"""Bytes become 0..1."""

_SIGNED = Scaling((127.5, 127.5, 127.5), (127.5, 127.5, 127.5))
_IMAGENET = Scaling((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
_CONVENTIONS: dict[Kind, Scaling] = {
    "recurrent": UNIT_SCALING,
    "matte": UNIT_SCALING,
    "two_class": _SIGNED,
    "classes": _IMAGENET,
}


def scaling_of(graph: Any, picture: str, element: str, kind: Kind) -> Scaling:
    """Return how bytes become the input of a network.

    Args:
        graph: an ``onnx.GraphProto``.
        picture: name of its input.
        element: type of that input: ``float``, ``float16`` or ``uint8``.
        kind: what the network is.
    """
    if element == "uint8":
        return _BYTES
    first = _first_step(graph.node, picture)
    if first is None or first.op_type not in _NORMALISING:
        return _CONVENTIONS[kind]
    constants = [_constant(graph, name) for name in first.input]
    largest = max(
        (float(np.abs(c).max()) for c in constants if c is not None and c.size), default=0
    )
    if first.op_type == "Mul":
        return _BYTES if 0 < largest < 0.1 else UNIT_SCALING
    return _BYTES if first.op_type != "BatchNormalization" and largest > 1 else UNIT_SCALING


def _first_step(nodes: Iterable[Any], name: str) -> Any | None:
    """Return the first node that does more than copy the tensor ``name``."""
    for node in nodes:
        if name in node.input:
            if node.op_type not in _COPIES:
                return node
            name = node.output[0]
    return None


def activation_of(graph: Any, name: str, kind: Kind) -> Activation:
    """Return what turns an output into probabilities.

    Args:
        graph: an ``onnx.GraphProto``.
        name: the output.
        kind: what the network is.
    """
    producers = {output: node for node in graph.node for output in node.output}
    node = producers.get(name)
    while node is not None and node.op_type in _COPIES:
        node = producers.get(node.input[0])
    if node is not None and node.op_type in _BOUNDED:
        return "none"
    return "sigmoid" if kind == "matte" else "softmax"


def _constant(graph: Any, name: str) -> np.ndarray[Any, Any] | None:
    from onnx import helper, numpy_helper

    for tensor in graph.initializer:
        if tensor.name == name:
            return np.asarray(numpy_helper.to_array(tensor))
    for node in graph.node:
        if node.op_type == "Constant" and name in node.output:
            value = helper.get_attribute_value(node.attribute[0])
            return np.asarray(numpy_helper.to_array(value) if hasattr(value, "dims") else value)
    return None
