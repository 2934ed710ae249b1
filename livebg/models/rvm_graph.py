"""Robust Video Matting's ONNX graph, cut before its full-resolution part.

The released network ends in a deep guided filter (Lin et al. 2021, section 3.1.3): small planes
``A`` and ``b`` are predicted, upsampled to the frame's size, and ``A * x + b`` is evaluated there
on every pixel. livebg stops at ``A`` and ``b``: the compositing kernel applies them only where the
matte is neither 0 nor 1. The graph is the file's own; its first resize and its refiner's last
steps are removed, and its input takes the camera's bytes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from livebg.errors import ModelError
from livebg.models.rvm_int8 import quantize
from livebg.models.rvm_rewrites import simplify
from livebg.types import Size

__all__ = ["STATE_CHANNELS", "STATE_STRIDES", "load_cut_graph", "state_shapes"]

STATE_CHANNELS = (16, 20, 40, 64)
"""Channels of the four recurrent states, finest first."""

STATE_STRIDES = (2, 4, 8, 16)
"""Network input pixels per state pixel, finest first."""

# Tensor names in the released graph (v1.0.0; the file's sha256 is pinned by the catalogue).
_DOWNSAMPLED = "389"
_PROJECTION = "752"
_GAIN = "777"
_OFFSET = "779"
_ALPHA_CHANNEL = 3


def state_shapes(input_size: Size) -> list[tuple[int, int, int, int]]:
    """Return the NCHW shapes of the recurrent states for a network input of ``(width, height)``."""
    width, height = input_size
    return [
        (1, channels, -(-height // stride), -(-width // stride))
        for channels, stride in zip(STATE_CHANNELS, STATE_STRIDES, strict=True)
    ]


def load_cut_graph(core: Any, path: Path, input_size: Size, *, int8: bool = False) -> Any:
    """Read RVM's ONNX file and return it as an ``openvino.Model`` that ends at the coefficients.

    Input: ``src`` ``(1, h, w, 3)`` uint8 BGR. Outputs: ``gain``, ``offset``, ``coarse``, each
    ``(1, 1, h, w)`` float32. The recurrent state stays inside, as variables ``r1ir1o`` ..
    ``r4ir4o`` that begin at zero: OpenVINO keeps it in its own layout and never copies it.

    Args:
        core: an ``openvino.Core``.
        path: the released ``rvm_mobilenetv3_fp32.onnx``.
        input_size: ``(width, height)`` of the network's input, multiples of 16.
        int8: compute most convolutions in whole numbers; see ``rvm_int8``.

    Raises:
        ModelError: the file is not that graph.
    """
    from openvino import Model, PartialShape
    from openvino import opset13 as ops

    try:
        graph = core.read_model(str(path))
    except RuntimeError as error:
        raise ModelError(
            f"{path} is not a network that OpenVINO can read; fetch the released one with "
            "`livebg models pull rvm`"
        ) from error
    tensors = {
        name: output
        for op in graph.get_ordered_ops()
        for output in op.outputs()
        for name in output.get_names()
    }
    missing = {_DOWNSAMPLED, _PROJECTION, _GAIN, _OFFSET} - tensors.keys()
    if missing:
        raise ModelError(
            f"{path} is not the released Robust Video Matting graph (no tensor "
            f"{', '.join(sorted(missing))}); fetch it with `livebg models pull rvm`"
        )
    parameters = {name: tensors[name].get_node() for name in ("src", "r1i", "r2i", "r3i", "r4i")}
    for consumer in tensors[_DOWNSAMPLED].get_target_inputs():
        consumer.replace_source_output(tensors["src"])

    def alpha_plane(source: Any, name: str) -> Any:
        begin, end = [_ALPHA_CHANNEL], [_ALPHA_CHANNEL + 1]
        plane = ops.slice(source, begin, end, [1], [1])
        if name == "coarse":
            plane = ops.clamp(plane, 0.0, 1.0)
        result = ops.result(plane)
        result.input(0).get_source_output().get_tensor().set_names({name})
        return result

    results = [
        alpha_plane(tensors[_GAIN], "gain"),
        alpha_plane(tensors[_OFFSET], "offset"),
        alpha_plane(tensors[_PROJECTION], "coarse"),
    ]
    states = [
        next(r for r in graph.get_results() if name in r.input(0).get_source_output().get_names())
        for name in ("r1o", "r2o", "r3o", "r4o")
    ]
    cut = Model(results + states, list(parameters.values()), "rvm_coefficients")
    width, height = input_size
    shapes = {"src": PartialShape([1, 3, height, width])}
    for number, shape in enumerate(state_shapes(input_size), start=1):
        shapes[f"r{number}i"] = PartialShape(list(shape))
    cut.reshape(shapes)
    simplify(cut)
    if int8:
        quantize(cut)
    _remember(cut)
    return _with_byte_input(cut)


def _remember(graph: Any) -> None:
    """Tie each state's output to its input of the next run."""
    from openvino.passes import MakeStateful, Manager

    passes = Manager()
    passes.register_pass(MakeStateful({f"r{n}i": f"r{n}o" for n in range(1, 5)}))
    passes.run_passes(graph)


def _with_byte_input(graph: Any) -> Any:
    from openvino import Layout, Type
    from openvino.preprocess import ColorFormat, PrePostProcessor

    steps = PrePostProcessor(graph)
    source = steps.input("src")
    source.tensor().set_element_type(Type.u8).set_layout(Layout("NHWC")).set_color_format(
        ColorFormat.BGR
    )
    source.model().set_layout(Layout("NCHW"))
    source.preprocess().convert_element_type(Type.f32).convert_color(ColorFormat.RGB).scale(255.0)
    return steps.build()
