"""Small ONNX networks, written by the tests in the shapes that users bring.

Each says something simple of its picture (its red channel, say), so that a test can tell from the
matte whether the channels, the layout and the scaling were right.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

Shape = Sequence[int | str]


def constant(name: str, values: object, dtype: type = np.float32) -> TensorProto:
    return numpy_helper.from_array(np.array(values, dtype), name)


def write_onnx(
    path: Path,
    nodes: list[NodeProto],
    inputs: Mapping[str, Shape],
    outputs: Mapping[str, Shape],
    constants: Sequence[TensorProto] = (),
    element: int = TensorProto.FLOAT,
) -> Path:
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info(name, element, shape) for name, shape in inputs.items()],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in outputs.items()
        ],
        list(constants),
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return path


def pick(source: str, target: str, channel: int, axis: int) -> tuple[NodeProto, list[TensorProto]]:
    """Return a node that takes one channel, and its constants."""
    names = [f"{target}_{part}" for part in ("begin", "end", "axis")]
    constants = [
        constant(name, [value], np.int64)
        for name, value in zip(names, (channel, channel + 1, axis), strict=True)
    ]
    return helper.make_node("Slice", [source, *names], [target]), constants


def red_matte_nchw(path: Path, size: Shape = ("h", "w")) -> Path:
    """Alpha is red in 0..1; ``(1, 3, h, w)`` to ``(1, 1, h, w)``."""
    node, constants = pick("src", "red", 0, 1)
    constants += [constant("zero", 0.0), constant("one", 1.0)]
    nodes = [node, helper.make_node("Clip", ["red", "zero", "one"], ["pha"])]
    return write_onnx(path, nodes, {"src": [1, 3, *size]}, {"pha": [1, 1, *size]}, constants)


def red_matte_nhwc(path: Path, size: Shape = ("h", "w")) -> Path:
    """The logit of alpha is red in 0..1; ``(1, h, w, 3)`` to ``(1, h, w, 1)``."""
    node, constants = pick("input_1", "matte", 0, 3)
    shapes: tuple[Shape, Shape] = ([1, *size, 3], [1, *size, 1])
    return write_onnx(path, [node], {"input_1": shapes[0]}, {"matte": shapes[1]}, constants)


def red_against_blue(path: Path, size: Shape = (32, 48)) -> Path:
    """Two classes: the logit of the background is blue, that of a person is red."""
    blue, blue_constants = pick("x", "blue", 2, 1)
    red, red_constants = pick("x", "red", 0, 1)
    both = helper.make_node("Concat", ["blue", "red"], ["logits"], axis=1)
    constants = [*blue_constants, *red_constants]
    inputs, outputs = {"x": [1, 3, *size]}, {"logits": [1, 2, *size]}
    return write_onnx(path, [blue, red, both], inputs, outputs, constants)


def voc_weights() -> NDArray[np.float32]:
    """The ``(21, 3)`` matrix from colours to the logits of ``linear_classes``."""
    return np.random.default_rng(3).normal(size=(21, 3)).astype(np.float32)


def linear_classes(path: Path) -> Path:
    """21 classes whose logits are ``voc_weights`` times the colour."""
    weights = constant("w", voc_weights().reshape(21, 3, 1, 1))
    node = helper.make_node("Conv", ["input", "w"], ["out"])
    shapes: tuple[Shape, Shape] = (["n", 3, "h", "w"], ["n", 21, "h", "w"])
    return write_onnx(path, [node], {"input": shapes[0]}, {"out": shapes[1]}, [weights])
