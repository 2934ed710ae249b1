"""What a user's ONNX file is: recognised by the shapes of its inputs and outputs.

Accepted are Robust Video Matting's recurrent interface and networks without memory that take one
RGB picture, ``(1, 3, H, W)`` or ``(1, H, W, 3)``, of fixed or free size, and give, as their first
output of such a shape,

- 1 channel: a matte (MediaPipe's selfie segmentation, MODNet);
- 2 channels: background and person (PP-HumanSeg);
- 21 channels: the classes of PASCAL VOC (torchvision).

``onnx_conventions`` says how the input is scaled and what the output means.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from livebg.errors import UsageError
from livebg.models.onnx_conventions import (
    UNIT_SCALING,
    Activation,
    Kind,
    Scaling,
    activation_of,
    scaling_of,
)
from livebg.models.onnx_file import read_onnx
from livebg.types import Size

__all__ = ["NetworkFile", "describe_onnx"]

Layout = Literal["NCHW", "NHWC", "NHW"]
_KINDS: dict[int, Kind] = {1: "matte", 2: "two_class", 21: "classes"}
_STATE_INPUTS = ("r1i", "r2i", "r3i", "r4i")
_STATE_OUTPUTS = ("r1o", "r2o", "r3o", "r4o")
_RATIO = "downsample_ratio"


@dataclass(frozen=True, slots=True)
class NetworkFile:
    """What a file holds, and how its input and output are to be taken.

    Attributes:
        path: an ONNX file, or OpenVINO's ``.xml``.
        kind: ``recurrent`` (Robust Video Matting), ``matte``, ``two_class`` or ``classes``.
        input_name: the picture's tensor.
        input_layout: of the picture.
        input_size: ``(width, height)`` where the file fixes both, else None.
        scaling: how the picture is scaled.
        output_name: the tensor of the matte or of the classes.
        output_layout: of that tensor.
        activation: what turns that tensor into probabilities.
        states: names of the recurrent inputs and outputs, finest first; empty without memory.
        ratio_input: name of the input for the downsampling ratio, where there is one.
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
    states: tuple[tuple[str, str], ...] = ()
    ratio_input: str | None = None


@dataclass(frozen=True, slots=True)
class _Value:
    """An input or output: its dimensions are None where they are free."""

    name: str
    element: str
    shape: tuple[int | None, ...]

    def __str__(self) -> str:
        shape = "x".join("?" if side is None else str(side) for side in self.shape)
        return f"{self.name} {self.element} {shape or 'of unknown shape'}"


def describe_onnx(path: Path) -> NetworkFile:
    """Recognise an ONNX file by the shapes of its inputs and outputs.

    Raises:
        InputError: the file is missing, or is no ONNX file.
        UsageError: it is no network that livebg can use; the message lists what was found.
    """
    graph = _with_shapes(read_onnx(path)).graph
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [_value(item) for item in graph.input if item.name not in constants]
    outputs = [_value(item) for item in graph.output]
    found = _recurrent(path, inputs, outputs) or _memoryless(path, graph, inputs, outputs)
    if found is None:
        raise UsageError(
            f"{path} is no network that livebg can use: its inputs are {_listed(inputs)}, its "
            f"outputs {_listed(outputs)}; wanted are one RGB picture (1x3xHxW or 1xHxWx3) and 1, "
            "2 or 21 channels, or Robust Video Matting's recurrent inputs and outputs"
        )
    return found


def _recurrent(
    path: Path, inputs: Sequence[_Value], outputs: Sequence[_Value]
) -> NetworkFile | None:
    given = {value.name for value in outputs}
    taken = {value.name: value for value in inputs}
    wanted = {"src", *_STATE_INPUTS}
    if not wanted <= taken.keys() <= wanted | {_RATIO} or not {"pha", *_STATE_OUTPUTS} <= given:
        return None
    if len(taken["src"].shape) != 4:
        return None
    return NetworkFile(
        path=path,
        kind="recurrent",
        input_name="src",
        input_layout="NCHW",
        input_size=_size(taken["src"], "NCHW"),
        scaling=UNIT_SCALING,
        output_name="pha",
        output_layout="NCHW",
        activation="none",
        states=tuple(zip(_STATE_INPUTS, _STATE_OUTPUTS, strict=True)),
        ratio_input=_RATIO if _RATIO in taken else None,
    )


def _memoryless(
    path: Path, graph: Any, inputs: Sequence[_Value], outputs: Sequence[_Value]
) -> NetworkFile | None:
    if len(inputs) != 1:
        return None
    picture = inputs[0]
    layout = _picture_layout(picture)
    if layout is None:
        return None
    for output in outputs:
        recognised = _output_kind(output, picture, layout)
        if recognised is None:
            continue
        kind, output_layout = recognised
        return NetworkFile(
            path=path,
            kind=kind,
            input_name=picture.name,
            input_layout=layout,
            input_size=_size(picture, layout),
            scaling=scaling_of(graph, picture.name, picture.element, kind),
            output_name=output.name,
            output_layout=output_layout,
            activation=activation_of(graph, output.name, kind),
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
    """Return what an output is; where both layouts fit, the picture's is taken."""
    if value.element not in ("float", "float16") or value.shape[:1] not in ((1,), (None,)):
        return None
    if len(value.shape) == 3:
        # Without a channel axis only the picture's own size tells a matte from a list of numbers.
        sides = tuple(picture.shape[picture_layout.index(axis)] for axis in "HW")
        return ("matte", "NHW") if value.shape[1:] == sides else None
    if len(value.shape) != 4:
        return None
    layouts: tuple[Layout, Layout] = ("NCHW", "NHWC")
    if picture_layout == "NHWC":
        layouts = ("NHWC", "NCHW")
    for layout in layouts:
        channels = value.shape[layout.index("C")]
        if channels in _KINDS:
            return _KINDS[channels], layout
    return None


def _size(value: _Value, layout: Layout) -> Size | None:
    width, height = value.shape[layout.index("W")], value.shape[layout.index("H")]
    return None if width is None or height is None else (width, height)


def _with_shapes(model: Any) -> Any:
    """Infer the outputs' shapes where the file leaves them out."""
    if all(any(_value(item).shape[1:]) for item in model.graph.output):
        return model
    from onnx import shape_inference

    return shape_inference.infer_shapes(model)


def _value(item: Any) -> _Value:
    from onnx import TensorProto

    tensor = item.type.tensor_type
    shape = tuple(side.dim_value or None for side in tensor.shape.dim)
    return _Value(item.name, TensorProto.DataType.Name(tensor.elem_type).lower(), shape)


def _listed(values: Sequence[_Value]) -> str:
    return ", ".join(str(value) for value in values) or "none"
