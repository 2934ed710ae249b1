"""Networks without memory as OpenVINO graphs: bytes in, alpha (and class labels) out.

An ONNX file is read as it is; torchvision's networks are converted once to OpenVINO's own format
and kept. The conversion needs torch; every later start reads the result and does without.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from livebg.errors import ModelError
from livebg.frame import Size
from livebg.models.onnx import UNIT_SCALING, NetworkFile, Scaling

__all__ = [
    "converted_network",
    "import_openvino",
    "load_static_graph",
    "named_result",
    "with_byte_input",
]

_INPUT = "rgb"
_OUTPUT = "logits"

_FORMAT = 1
"""Version of ``ClassLogits``; raised when it computes something else, so that older files are not
used."""


def import_openvino() -> Any:
    """Return the module ``openvino``, without telemetry unless it was imported before.

    ``import openvino`` reports itself to Google Analytics, from a thread that stays, unless the
    user has opted out. Without the package ``openvino_telemetry`` it uses a stub that does nothing;
    livebg promises that nothing leaves the machine, so it hides that package.

    Raises:
        ImportError: OpenVINO is not installed, or does not run here.
    """
    # None makes Python's import system say that there is no such package.
    cast("dict[str, Any]", sys.modules).setdefault("openvino_telemetry", None)
    return importlib.import_module("openvino")


def load_static_graph(
    core: Any, network: NetworkFile, input_size: Size, kept: Sequence[int]
) -> Any:
    """Read a network and return it as an ``openvino.Model`` of fixed size.

    Input: ``(1, h, w, 3)`` uint8 BGR. Outputs: ``alpha``, ``(1, 1, h', w')`` float32 (not
    clipped: that would hide values that are no numbers), the sum of the probabilities of the
    channels ``kept``, and, where the network has classes, ``labels``, ``(1, 1, h', w')`` uint8.

    Raises:
        ModelError: OpenVINO cannot read the file, or the network does not run at that size.
    """
    try:
        graph = _with_results(core.read_model(str(network.path)), network, kept)
        width, height = input_size
        sides = {"N": 1, "C": 3, "H": height, "W": width}
        graph.reshape({network.input_name: [sides[axis] for axis in network.input_layout]})
        return with_byte_input(
            graph, network.input_name, layout=network.input_layout, scaling=network.scaling
        )
    except RuntimeError as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
        raise ModelError(
            f"OpenVINO cannot use {network.path} at {input_size[0]}x{input_size[1]}: {reason}"
        ) from error


def with_byte_input(
    graph: Any, name: str, *, layout: str = "NCHW", scaling: Scaling | None = None
) -> Any:
    """Return ``graph`` with the picture ``name`` as ``(1, h, w, 3)`` uint8 BGR."""
    from openvino import Layout, Type
    from openvino.preprocess import ColorFormat, PrePostProcessor

    steps = PrePostProcessor(graph)
    source = steps.input(name)
    source.tensor().set_element_type(Type.u8).set_layout(Layout("NHWC")).set_color_format(
        ColorFormat.BGR
    )
    source.model().set_layout(Layout(layout))
    picture = source.preprocess().convert_element_type(Type.f32).convert_color(ColorFormat.RGB)
    if scaling is None:
        # A mean of 0 would be one more operation, which changes the rounding in int8.
        picture.scale(255.0)
    else:
        picture.mean(list(scaling.mean)).scale(list(scaling.deviation))
        picture.convert_element_type(graph.input(name).get_element_type())
    return steps.build()


def converted_network(name: str, weights: Path, input_size: Size, folder: Path) -> NetworkFile:
    """Return a network of torchvision for one input size, converted at its first use.

    It is converted again when the checkpoint's path, size or modification time changes.

    Raises:
        WeightsError: the file is not that network's checkpoint.
        ModelError: the conversion failed, or its result cannot be written.
    """
    width, height = input_size
    path = folder / f"{name}-{width}x{height}-{_fingerprint(weights)}.xml"
    if not (path.is_file() and path.with_suffix(".bin").is_file()):
        _convert(name, weights, input_size, path)
    return NetworkFile(
        path=path,
        kind="classes",
        input_name=_INPUT,
        input_layout="NCHW",
        input_size=input_size,
        scaling=UNIT_SCALING,
        output_name=_OUTPUT,
        output_layout="NCHW",
        activation="softmax",
    )


def _fingerprint(weights: Path) -> str:
    try:
        status = weights.stat()
    except OSError as error:
        raise ModelError(f"{weights} cannot be read: {error.strerror}") from error
    text = f"{_FORMAT} {weights.resolve()} {status.st_size} {status.st_mtime_ns}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _convert(name: str, weights: Path, input_size: Size, path: Path) -> None:
    import torch

    from livebg.models.torchvision import load_classes

    width, height = input_size
    openvino = import_openvino()
    network = load_classes(name, weights)
    try:
        exported = torch.export.export(network, (torch.zeros(1, 3, height, width),))
        graph = openvino.convert_model(exported)
        graph.reshape([1, 3, height, width])
        graph.input(0).get_tensor().set_names({_INPUT})
        graph.output(0).get_tensor().set_names({_OUTPUT})
    except RuntimeError as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(
            f"{name} cannot be converted for OpenVINO: {reason}; run it with --device torch:cpu"
        ) from error
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
            draft = Path(scratch) / path.name
            openvino.save_model(graph, str(draft), compress_to_fp16=False)
            # The graph goes last: it says that the pair is complete.
            for suffix in (".bin", ".xml"):
                os.replace(draft.with_suffix(suffix), path.with_suffix(suffix))
    except (OSError, RuntimeError) as error:
        raise ModelError(f"{name} cannot be kept in {path.parent}: {error}") from error


def _with_results(graph: Any, network: NetworkFile, kept: Sequence[int]) -> Any:
    """Replace the graph's results by ``alpha`` and ``labels``."""
    from openvino import Model
    from openvino import opset13 as ops

    raw = graph.output(network.output_name).get_node().input_value(0)
    channels = _as_nchw(ops.convert(raw, "f32"), network.output_layout)
    probabilities = channels
    if network.activation == "sigmoid":
        probabilities = ops.sigmoid(channels)
    elif network.activation == "softmax":
        probabilities = ops.softmax(channels, 1)
    if network.kind != "matte":
        chosen = ops.gather(probabilities, list(kept), 1)
        probabilities = ops.reduce_sum(chosen, 1, keep_dims=True)
    results = [named_result(probabilities, "alpha")]
    if network.kind == "classes":
        best = ops.topk(channels, 1, 1, "max", "value", index_element_type="i32").output(1)
        results.append(named_result(ops.convert(best, "u8"), "labels"))
    return Model(results, graph.get_parameters(), "alpha")


def _as_nchw(node: Any, layout: str) -> Any:
    from openvino import opset13 as ops

    if layout == "NHW":
        return ops.unsqueeze(node, 1)
    return ops.transpose(node, [0, 3, 1, 2]) if layout == "NHWC" else node


def named_result(node: Any, name: str) -> Any:
    """Return ``node`` as a result of a graph, whose tensor has this name."""
    from openvino import opset13 as ops

    result = ops.result(node)
    result.input(0).get_source_output().get_tensor().set_names({name})
    return result
