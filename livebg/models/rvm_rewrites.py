"""Robust Video Matting's graph said in fewer steps, with the same result.

The released file spells some things out in a way that keeps OpenVINO from its fast code. What is
put in their place computes the same numbers: a test holds the two together.
"""

from __future__ import annotations

from typing import Any

__all__ = ["simplify"]


def simplify(graph: Any) -> None:
    """Rewrite ``graph``, an ``openvino.Model`` of fixed size, in place."""
    _name_activations(graph)
    _drop_idle_slices(graph)
    graph.validate_nodes_and_infer_types()


def _name_activations(graph: Any) -> None:
    """Replace ``x * HardSigmoid(x)`` by HSwish, and the other HardSigmoids by HSigmoid.

    Both exist as one step that OpenVINO computes inside the convolution before it; HardSigmoid
    takes any slope, and runs one value at a time.
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
