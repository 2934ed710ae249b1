"""Robust Video Matting with most of its convolutions in whole numbers.

A processor multiplies bytes two to four times as fast as float32. Weights are rounded to 8 bits
channel by channel; what goes into a convolution is rounded to 8 bits between two fixed limits
(Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-
Only Inference"). OpenVINO turns a convolution between two such roundings into one on bytes.

Four parts stay as they are, because rounding them costs quality and their work is small: the first
layers, which see the picture's own fine differences; the depthwise convolutions, whose channels
have ranges of their own; the decoder's step at half size, which joins the picture with features ten
times as large; and the refiner, which subtracts nearly equal numbers. So rounded, the mean error on
clips with exact mattes stays the same to 1 %; with every convolution rounded it grew by 6 %.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from livebg.errors import ModelError

__all__ = ["quantize"]

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

All but one in ten thousand of the values were between them, on every one of 19 clips: talking heads
with and without movement, in several rooms, and rooms without anybody."""

_INPUT_LEVELS = 256
_WEIGHT_LEVELS = 255
"""One fewer, so that they lie evenly about zero."""

_LEAST_WEIGHT = np.float32(1e-8)


def quantize(graph: Any) -> None:
    """Mark in ``graph``, an ``openvino.Model`` of the released network, what is to be rounded.

    Args:
        graph: changed in place; a convolution that is absent is an error.

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
