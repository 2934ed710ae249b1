"""A user's ONNX file, recognised by the shapes of its inputs and outputs.

Accepted are Robust Video Matting's recurrent interface and networks without memory that take one
RGB picture, ``(1, 3, H, W)`` or ``(1, H, W, 3)``, of fixed or free size, and give, as their first
output of such a shape,

- 1 channel: a matte (MediaPipe's selfie segmentation, MODNet);
- 2 channels: background and person (PP-HumanSeg);
- 21 channels: the classes of PASCAL VOC (torchvision).

The scaling of the input, which the file does not say, is that of the first rule that fits:

1. uint8 input: the bytes as they are.
2. The graph begins by normalising (Sub, Add, Mul, Div with a constant, or BatchNormalization):
   0..255 where that constant is one for bytes (it subtracts or divides by more than 1, or
   multiplies by less than 0.1), else 0..1.
3. 2 channels: (x - 0.5) / 0.5, as PP-HumanSeg.
4. 21 channels: ImageNet's mean and deviation, as torchvision.
5. 1 channel: 0..1, as MediaPipe.

The output holds probabilities where the last operation that computes (copies, casts and resizes do
not count) is a Sigmoid, HardSigmoid, Softmax or Clip; else logits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from livebg.errors import InputError, UsageError
from livebg.frame import Size

__all__ = ["UNIT_SCALING", "NetworkFile", "Scaling", "describe_onnx", "read_onnx"]

Kind = Literal["recurrent", "matte", "two_class", "classes"]
Activation = Literal["none", "sigmoid", "softmax"]
Layout = Literal["NCHW", "NHWC", "NHW"]

_KINDS: dict[int, Kind] = {1: "matte", 2: "two_class", 21: "classes"}
_RECURRENT_INPUTS = {"src", "r1i", "r2i", "r3i", "r4i"}
_RECURRENT_OUTPUTS = {"pha", "r1o", "r2o", "r3o", "r4o"}
_COPIES = {
    *("Cast", "DequantizeLinear", "Identity", "QuantizeLinear", "Reshape", "Resize", "Slice"),
    *("Squeeze", "Transpose", "Unsqueeze", "Upsample"),
}
_BOUNDED = {"Clip", "HardSigmoid", "Sigmoid", "Softmax"}
_NORMALISING = {"Add", "BatchNormalization", "Div", "Mul", "Sub"}


@dataclass(frozen=True, slots=True)
class Scaling:
    """How bytes become a network's input: ``(byte - mean) / deviation`` in each of R, G and B."""

    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]


_BYTES = Scaling((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
UNIT_SCALING = Scaling((0.0, 0.0, 0.0), (255.0, 255.0, 255.0))
"""Bytes become 0..1."""

_CONVENTIONS: dict[Kind, Scaling] = {
    "matte": UNIT_SCALING,
    "two_class": Scaling((127.5, 127.5, 127.5), (127.5, 127.5, 127.5)),
    "classes": Scaling((123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
}


@dataclass(frozen=True, slots=True)
class NetworkFile:
    """A network in an ONNX file or OpenVINO's ``.xml``, and how its input and output are used.

    ``input_size`` is ``(width, height)`` where the file fixes both; ``activation`` turns the output
    into probabilities.
    """

    path: Path
    kind: Kind
    input_name: str
    input_layout: Layout
    input_size: Size | None
    scaling: Scaling
    output_name: str
    output_layout: Layout
    activation: Activation


@dataclass(frozen=True, slots=True)
class _Value:
    """An input or output; free dimensions are None."""

    name: str
    element: str
    shape: tuple[int | None, ...]

    @classmethod
    def of(cls, item: Any) -> _Value:
        from onnx import TensorProto

        tensor = item.type.tensor_type
        shape = tuple(side.dim_value or None for side in tensor.shape.dim)
        return cls(item.name, TensorProto.DataType.Name(tensor.elem_type).lower(), shape)

    def size(self, layout: Layout) -> Size | None:
        width, height = self.shape[layout.index("W")], self.shape[layout.index("H")]
        return None if width is None or height is None else (width, height)

    def __str__(self) -> str:
        shape = "x".join("?" if side is None else str(side) for side in self.shape)
        return f"{self.name} {self.element} {shape or 'of unknown shape'}"


def read_onnx(path: Path) -> Any:
    """Return an ONNX file as an ``onnx.ModelProto``; weights in separate files are not read.

    Raises:
        InputError: the file is missing, or is no ONNX file.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(str(path), load_external_data=False)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
    except DecodeError as error:
        raise InputError(f"{path} is damaged or no ONNX file; export the network again") from error
    if not model.graph.node:
        raise InputError(f"{path} is an ONNX file without a network; export the network again")
    return model


def describe_onnx(path: Path) -> NetworkFile:
    """Recognise an ONNX file by the shapes of its inputs and outputs.

    Raises:
        InputError: the file is missing, or is no ONNX file.
        UsageError: it is no network that livebg can use; the message lists its inputs and outputs.
    """
    graph = _with_shapes(read_onnx(path)).graph
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [_Value.of(item) for item in graph.input if item.name not in constants]
    outputs = [_Value.of(item) for item in graph.output]
    found = _recurrent(path, inputs, outputs) or _memoryless(path, graph, inputs, outputs)
    if found is None:
        raise UsageError(
            f"{path} is no network that livebg can use: its inputs are {_listed(inputs)}, its "
            f"outputs {_listed(outputs)}; wanted are one RGB picture (1x3xHxW or 1xHxWx3) and 1, "
            "2 or 21 channels, or Robust Video Matting's recurrent inputs and outputs"
        )
    return found


def _with_shapes(model: Any) -> Any:
    """Infer the outputs' shapes where the file leaves them out."""
    if all(any(_Value.of(item).shape[1:]) for item in model.graph.output):
        return model
    from onnx import shape_inference

    return shape_inference.infer_shapes(model)


def _listed(values: Sequence[_Value]) -> str:
    return ", ".join(str(value) for value in values) or "none"


def _recurrent(
    path: Path, inputs: Sequence[_Value], outputs: Sequence[_Value]
) -> NetworkFile | None:
    by_name = {value.name: value for value in inputs}
    if by_name.keys() - {"downsample_ratio"} != _RECURRENT_INPUTS:
        return None
    if not {value.name for value in outputs} >= _RECURRENT_OUTPUTS:
        return None
    picture = by_name["src"]
    if len(picture.shape) != 4:
        return None
    return NetworkFile(
        path=path,
        kind="recurrent",
        input_name="src",
        input_layout="NCHW",
        input_size=picture.size("NCHW"),
        scaling=UNIT_SCALING,
        output_name="pha",
        output_layout="NCHW",
        activation="none",
    )


def _memoryless(
    path: Path, graph: Any, inputs: Sequence[_Value], outputs: Sequence[_Value]
) -> NetworkFile | None:
    if len(inputs) != 1:
        return None
    (picture,) = inputs
    layout = _picture_layout(picture)
    if layout is None:
        return None
    for output in outputs:
        if recognised := _output_kind(output, picture, layout):
            kind, output_layout = recognised
            return NetworkFile(
                path=path,
                kind=kind,
                input_name=picture.name,
                input_layout=layout,
                input_size=picture.size(layout),
                scaling=_scaling_of(graph, picture, kind),
                output_name=output.name,
                output_layout=output_layout,
                activation=_activation_of(graph, output.name, kind),
            )
    return None


def _picture_layout(value: _Value) -> Layout | None:
    if len(value.shape) != 4 or value.shape[0] not in (1, None):
        return None
    if value.element not in ("float", "float16", "uint8"):
        return None
    if value.shape[1] == 3:
        return "NCHW"
    return "NHWC" if value.shape[3] == 3 else None


def _output_kind(
    value: _Value, picture: _Value, picture_layout: Layout
) -> tuple[Kind, Layout] | None:
    """Return the kind and layout of an output; where both layouts fit, the picture's is taken."""
    if value.element not in ("float", "float16") or value.shape[:1] not in ((1,), (None,)):
        return None
    if len(value.shape) == 3:
        # Without a channel axis only the picture's own size tells a matte from a list of numbers.
        sides = tuple(picture.shape[picture_layout.index(axis)] for axis in "HW")
        return ("matte", "NHW") if value.shape[1:] == sides else None
    if len(value.shape) != 4:
        return None
    other: Layout = "NHWC" if picture_layout == "NCHW" else "NCHW"
    for layout in (picture_layout, other):
        channels = value.shape[layout.index("C")]
        if channels in _KINDS:
            return _KINDS[channels], layout
    return None


def _scaling_of(graph: Any, picture: _Value, kind: Kind) -> Scaling:
    """Return how bytes become the input ``picture``, by the rules above."""
    if picture.element == "uint8":
        return _BYTES
    first = _first_operation(graph, picture.name)
    if first is None or first.op_type not in _NORMALISING:
        return _CONVENTIONS[kind]
    constants = [_constant(graph, name) for name in first.input]
    largest = max(
        (float(np.abs(c).max()) for c in constants if c is not None and c.size), default=0
    )
    if first.op_type == "Mul":
        return _BYTES if 0 < largest < 0.1 else UNIT_SCALING
    return _BYTES if first.op_type != "BatchNormalization" and largest > 1 else UNIT_SCALING


def _first_operation(graph: Any, name: str) -> Any | None:
    """Return the first node that does more than copy the tensor ``name``."""
    for node in graph.node:
        if name in node.input:
            if node.op_type not in _COPIES:
                return node
            name = node.output[0]
    return None


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


def _activation_of(graph: Any, name: str, kind: Kind) -> Activation:
    """Return what turns the output ``name`` into probabilities."""
    producers = {output: node for node in graph.node for output in node.output}
    node = producers.get(name)
    while node is not None and node.op_type in _COPIES:
        node = producers.get(node.input[0])
    if node is not None and node.op_type in _BOUNDED:
        return "none"
    return "sigmoid" if kind == "matte" else "softmax"
