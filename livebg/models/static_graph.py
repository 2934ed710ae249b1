"""A network without memory as one OpenVINO graph: bytes in, alpha (and class labels) out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from livebg.errors import ModelError
from livebg.models.onnx_shapes import NetworkFile
from livebg.types import Size

__all__ = ["load_static_graph"]


def load_static_graph(
    core: Any, network: NetworkFile, input_size: Size, kept: Sequence[int]
) -> Any:
    """Read a network and return it as an ``openvino.Model`` of fixed size.

    Input: ``(1, h, w, 3)`` uint8 BGR. Outputs: ``alpha``, ``(1, 1, h', w')`` float32 (not
    clipped: that would hide values that are no numbers), and, where the network has classes,
    ``labels``, ``(1, 1, h', w')`` uint8.

    Args:
        core: an ``openvino.Core``.
        network: what the file holds; not ``recurrent``.
        input_size: ``(width, height)``; the file's own size where it fixes one.
        kept: channels of the output whose probabilities make up alpha; ignored for a matte of one
            channel.

    Raises:
        ModelError: OpenVINO cannot read the file, or the network does not run at that size.
    """
    try:
        graph = _with_results(core.read_model(str(network.path)), network, kept)
        width, height = input_size
        sides = {"N": 1, "C": 3, "H": height, "W": width}
        graph.reshape({network.input_name: [sides[axis] for axis in network.input_layout]})
        return _with_byte_input(graph, network)
    except RuntimeError as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
        raise ModelError(
            f"OpenVINO cannot use {network.path} at {input_size[0]}x{input_size[1]}: {reason}"
        ) from error


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
    results = [_named(probabilities, "alpha")]
    if network.kind == "classes":
        best = ops.topk(channels, 1, 1, "max", "value", index_element_type="i32").output(1)
        results.append(_named(ops.convert(best, "u8"), "labels"))
    return Model(results, graph.get_parameters(), "alpha")


def _as_nchw(node: Any, layout: str) -> Any:
    from openvino import opset13 as ops

    if layout == "NHW":
        return ops.unsqueeze(node, 1)
    return ops.transpose(node, [0, 3, 1, 2]) if layout == "NHWC" else node


def _named(node: Any, name: str) -> Any:
    from openvino import opset13 as ops

    result = ops.result(node)
    result.input(0).get_source_output().get_tensor().set_names({name})
    return result


def _with_byte_input(graph: Any, network: NetworkFile) -> Any:
    from openvino import Layout, Type
    from openvino.preprocess import ColorFormat, PrePostProcessor

    steps = PrePostProcessor(graph)
    source = steps.input(network.input_name)
    wanted = graph.input(network.input_name).get_element_type()
    source.tensor().set_element_type(Type.u8).set_layout(Layout("NHWC")).set_color_format(
        ColorFormat.BGR
    )
    source.model().set_layout(Layout(network.input_layout))
    (
        source.preprocess()
        .convert_element_type(Type.f32)
        .convert_color(ColorFormat.RGB)
        .mean(list(network.scaling.mean))
        .scale(list(network.scaling.deviation))
        .convert_element_type(wanted)
    )
    return steps.build()
