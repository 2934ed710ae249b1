"""Robust Video Matting's ONNX graph for OpenVINO: cut before full resolution, simplified, in int8.

**Cut.** The released network ends in a deep guided filter (Lin et al. 2021, section 3.1.3): small
planes ``A`` and ``b`` are predicted, upsampled to the frame's size, and ``A * x + b`` is evaluated
there on every pixel. livebg stops at ``A`` and ``b``: the compositing kernel applies them only
where the matte is neither 0 nor 1.

**Simplified.** The file expresses some operations in a way that keeps OpenVINO from its fast code.
Their replacements compute the same numbers.

**int8.** A processor multiplies bytes two to four times as fast as float32. Weights are rounded to
8 bits channel by channel; the input of a convolution is rounded to 8 bits between two fixed limits
(Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-
Only Inference"). OpenVINO turns a convolution between two such roundings into one on bytes.

Four parts stay as they are, because rounding them costs quality and their work is small: the first
layers, which see the picture's own fine differences; the depthwise convolutions, whose channels
have ranges of their own; the decoder's step at half size, which joins the picture with features ten
times as large; and the refiner, which subtracts nearly equal numbers. So rounded, the mean error on
clips with exact mattes stays the same to 1 %; with every convolution rounded it grew by 6 %.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from livebg.errors import ModelError
from livebg.frame import Size
from livebg.models.openvino_ir import named_result, with_byte_input

__all__ = ["STATE_CHANNELS", "load_cut_graph", "quantize", "state_shapes"]

STATE_CHANNELS = (16, 20, 40, 64)
"""Channels of the four recurrent states, finest first."""

_STATE_STRIDES = (2, 4, 8, 16)
"""Network input pixels per state pixel, finest first."""

# Tensor names in the released graph (v1.0.0; the file's sha256 is pinned by the catalogue).
_DOWNSAMPLED = "389"
_PROJECTION = "752"
_GAIN = "777"
_OFFSET = "779"
_ALPHA_CHANNEL = 3

_INPUT_LIMITS: dict[str, tuple[float, float]] = {
    "Conv_20": (-8.82, 9.18),
    "Conv_24": (0.0, 6.14),
    "Conv_26": (-11.4, 11.0),
    "Conv_36": (0.0, 5.11),
    "Conv_37": (-9.44, 7.69),
    "Conv_47": (0.0, 3.83),
    "Conv_49": (-7.22, 7.74),
    "Conv_59": (0.0, 2.96),
    "Conv_61": (-9.0, 8.27),
    "Conv_67": (-0.375, 7.12),
    "Conv_68": (-7.21, 5.27),
    "Conv_74": (-0.375, 2.78),
    "Conv_76": (-7.56, 8.45),
    "Conv_82": (-0.375, 1.76),
    "Conv_84": (-9.67, 11.2),
    "Conv_90": (-0.375, 4.48),
    "Conv_92": (-7.71, 8.29),
    "Conv_104": (-0.375, 2.85),
    "Conv_105": (-5.76, 5.57),
    "Conv_117": (-0.375, 2.61),
    "Conv_119": (-7.18, 8.72),
    "Conv_131": (-0.375, 4.25),
    "Conv_132": (-6.71, 5.71),
    "Conv_144": (-0.375, 4.15),
    "Conv_146": (-6.73, 6.96),
    "Conv_158": (-0.375, 4.77),
    "Conv_160": (-12.7, 13.6),
    "Conv_163": (-0.375, 23.6),
    "Conv_176": (-1.0, 17.0),
    "Conv_181": (-1.0, 17.0),
    "Conv_200": (-6.8, 6.53),
    "Conv_206": (-1.0, 6.23),
    "Conv_211": (-1.0, 6.23),
    "Conv_230": (-8.85, 8.91),
    "Conv_236": (-1.0, 5.91),
    "Conv_241": (-1.0, 5.91),
    "Conv_266": (-1.0, 6.59),
    "Conv_271": (-0.978, 6.59),
    "Conv_290": (-1.0, 3.97),
    "Conv_292": (0.0, 2.71),
}
"""Least and greatest input of each convolution that is rounded, by its name in the released file.

On each of 19 clips (talking heads with and without movement, several rooms, empty rooms), all but
one in ten thousand of the values were between them."""

_INPUT_LEVELS = 256
_WEIGHT_LEVELS = 255
"""One fewer, so that they lie evenly about zero."""

_LEAST_WEIGHT = np.float32(1e-8)


def state_shapes(input_size: Size) -> list[tuple[int, int, int, int]]:
    """Return the NCHW shapes of the recurrent states for a network input of ``(width, height)``."""
    width, height = input_size
    return [
        (1, channels, -(-height // stride), -(-width // stride))
        for channels, stride in zip(STATE_CHANNELS, _STATE_STRIDES, strict=True)
    ]


def load_cut_graph(core: Any, path: Path, input_size: Size, *, int8: bool = False) -> Any:
    """Read RVM's ONNX file and return it as an ``openvino.Model`` that ends at the coefficients.

    Input: ``src`` ``(1, h, w, 3)`` uint8 BGR. Outputs: ``gain``, ``offset``, ``coarse``, each
    ``(1, 1, h, w)`` float32. The recurrent state stays inside, as variables ``r1ir1o`` ..
    ``r4ir4o`` that begin at zero: OpenVINO keeps it in its own layout and never copies it.

    ``input_size`` is ``(width, height)``, multiples of 16.

    Raises:
        ModelError: the file is not the released ``rvm_mobilenetv3_fp32.onnx``.
    """
    from openvino import Model
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
        plane = ops.slice(source, [_ALPHA_CHANNEL], [_ALPHA_CHANNEL + 1], [1], [1])
        return named_result(ops.clamp(plane, 0.0, 1.0) if name == "coarse" else plane, name)

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
    shapes = {"src": [1, 3, height, width]}
    for number, shape in enumerate(state_shapes(input_size), start=1):
        shapes[f"r{number}i"] = list(shape)
    cut.reshape(shapes)
    _name_activations(cut)
    _drop_idle_slices(cut)
    cut.validate_nodes_and_infer_types()
    if int8:
        quantize(cut)
    _keep_state_inside(cut)
    return with_byte_input(cut, "src")


def _keep_state_inside(graph: Any) -> None:
    """Tie each state's output to its input of the next run."""
    from openvino.passes import MakeStateful, Manager

    passes = Manager()
    passes.register_pass(MakeStateful({f"r{n}i": f"r{n}o" for n in range(1, 5)}))
    passes.run_passes(graph)


def _name_activations(graph: Any) -> None:
    """Replace ``x * HardSigmoid(x)`` by HSwish, and the other HardSigmoids by HSigmoid.

    OpenVINO computes both inside the convolution before them; HardSigmoid takes any slope, and
    runs one value at a time.
    """
    from openvino import opset5 as ops

    for step in graph.get_ordered_ops():
        if step.get_type_name() != "HardSigmoid":
            continue
        source = step.input_value(0)
        readers = [reader.get_node() for reader in step.output(0).get_target_inputs()]
        product = readers[0]
        gates_itself = product.get_type_name() == "Multiply" and source in product.input_values()
        if len(readers) == 1 and gates_itself:
            product.output(0).replace(ops.hswish(source).output(0))
        else:
            step.output(0).replace(ops.hsigmoid(source).output(0))


def _drop_idle_slices(graph: Any) -> None:
    """Take out slices that cut nothing off: they fit sizes that are no multiple of 16."""
    for step in graph.get_ordered_ops():
        if step.get_type_name() != "Slice":
            continue
        source = step.input_value(0)
        if step.output(0).get_partial_shape() == source.get_partial_shape():
            step.output(0).replace(source)


def quantize(graph: Any) -> None:
    """Round the inputs and weights of most convolutions to 8 bits, in place.

    Raises:
        ModelError: it is another network than the one whose limits are known.
    """
    convolutions = {
        step.get_friendly_name().split("/")[0]: step
        for step in graph.get_ordered_ops()
        if step.get_type_name() == "Convolution"
    }
    missing = sorted(_INPUT_LIMITS.keys() - convolutions.keys())
    if missing:
        raise ModelError(
            f"this is not the released Robust Video Matting (no {', '.join(missing)}), so it "
            "cannot be computed in int8; use --precision f32"
        )
    rounded: dict[tuple[str, int], Any] = {}
    for name, limits in _INPUT_LIMITS.items():
        convolution = convolutions[name]
        source = convolution.input_value(0)
        place = (source.get_node().get_name(), source.get_index())
        if place not in rounded:
            rounded[place] = _rounded_input(source, *limits)
        convolution.input(0).replace_source_output(rounded[place])
        weights = convolution.input_value(1).get_node().data
        convolution.input(1).replace_source_output(_rounded_weights(weights))
    graph.validate_nodes_and_infer_types()


def _rounded_input(source: Any, low: float, high: float) -> Any:
    """Round to 256 levels of which one is 0, so that zero padding stays exact."""
    from openvino import opset13 as ops

    step = (high - low) / (_INPUT_LEVELS - 1)
    least = np.float32(round(low / step) * step)
    greatest = np.float32(least + (_INPUT_LEVELS - 1) * step)
    return ops.fake_quantize(source, least, greatest, least, greatest, _INPUT_LEVELS).output(0)


def _rounded_weights(weights: Any) -> Any:
    """Round each output channel to 255 levels about zero."""
    from openvino import opset13 as ops

    values = np.array(weights, np.float32)
    most = np.abs(values).max(axis=(1, 2, 3), keepdims=True)
    limit = np.maximum(most, _LEAST_WEIGHT)
    constant = ops.constant(values)
    return ops.fake_quantize(constant, -limit, limit, -limit, limit, _WEIGHT_LEVELS).output(0)
