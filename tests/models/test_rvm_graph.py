from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from livebg.errors import ModelError
from livebg.models.openvino_ir import import_openvino
from livebg.models.rvm_graph import STATE_CHANNELS, load_cut_graph, quantize, state_shapes
from tests.support.onnx_files import red_matte_nchw


@pytest.fixture
def graph(rvm_weights: Path) -> Any:
    return load_cut_graph(import_openvino().Core(), rvm_weights, (96, 64))


def test_activations_are_steps_of_their_own(graph: Any) -> None:
    """``test_openvino`` holds what they compute against the released graph."""
    # MobileNetV3-Large (Howard et al. 2019, table 1): a stem, nine hard-swish blocks with an
    # activation after their first and second convolution, and the last layer; eight gates.
    assert len(steps_of(graph, "HSwish")) == 20
    assert len(steps_of(graph, "HSigmoid")) == 8
    assert not steps_of(graph, "HardSigmoid")


@pytest.fixture(scope="module")
def rounded(rvm_weights: Path) -> Any:
    return load_cut_graph(import_openvino().Core(), rvm_weights, (96, 64), int8=True)


def steps_of(graph: Any, kind: str) -> list[Any]:
    return [step for step in graph.get_ordered_ops() if step.get_type_name() == kind]


def is_rounded(convolution: Any) -> bool:
    kinds = {value.get_node().get_type_name() for value in convolution.input_values()}
    return kinds == {"FakeQuantize"}


def test_most_convolutions_are_in_whole_numbers(rounded: Any) -> None:
    names = {
        step.get_friendly_name(): is_rounded(step) for step in steps_of(rounded, "Convolution")
    }
    assert sum(names.values()) == 40
    # One that sees the picture, one that joins it with features, and the refiner's.
    for name in ("Conv_8", "Conv_260", "Conv_312", "Conv_314", "Conv_316"):
        assert not names[f"{name}/WithoutBiases"]
    assert not any(is_rounded(step) for step in steps_of(rounded, "GroupConvolution"))


def test_zero_is_one_of_the_levels(rounded: Any) -> None:
    for step in steps_of(rounded, "FakeQuantize"):
        low, high = (np.ravel(step.input_value(at).get_node().data) for at in (1, 2))
        levels = step.get_attributes()["levels"]
        position = -low / ((high - low) / (levels - 1))
        # Single precision, of a position between 0 and 255.
        np.testing.assert_allclose(position, np.round(position), atol=1e-3)


def test_other_convolutions_are_not_rounded(graph: Any) -> None:
    steps_of(graph, "Convolution")[20].set_friendly_name("other")
    with pytest.raises(ModelError, match=r"not the released Robust Video Matting \(no Conv_"):
        quantize(graph)


@pytest.mark.parametrize("size", [(256, 144), (144, 256), (16, 16), (640, 352)])
def test_states_halve_from_level_to_level(size: tuple[int, int]) -> None:
    width, height = size
    shapes = state_shapes(size)
    assert [shape[1] for shape in shapes] == list(STATE_CHANNELS)
    assert [shape[2:] for shape in shapes] == [
        (height // stride, width // stride) for stride in (2, 4, 8, 16)
    ]


def test_the_cut_graph_takes_bytes_and_ends_at_the_coefficients(graph: Any) -> None:
    (source,) = graph.inputs
    outputs = {plane.get_any_name(): plane for plane in graph.outputs}
    assert source.get_any_name() == "src"
    assert list(source.shape) == [1, 64, 96, 3]
    assert source.element_type.get_type_name() == "u8"
    assert set(outputs) == {"gain", "offset", "coarse"}
    assert all(list(plane.shape) == [1, 1, 64, 96] for plane in outputs.values())


def test_the_state_stays_inside(graph: Any) -> None:
    shapes = {
        v.get_info().variable_id: list(v.get_info().data_shape) for v in graph.get_variables()
    }
    assert shapes == {
        f"r{n}ir{n}o": list(shape) for n, shape in enumerate(state_shapes((96, 64)), start=1)
    }


@pytest.mark.parametrize("content", [None, "not a network"])
def test_another_file_is_refused(tmp_path: Path, content: str | None) -> None:
    path = red_matte_nchw(tmp_path / "red.onnx")
    if content:
        path.write_text(content)
    with pytest.raises(ModelError, match=r"red\.onnx is not .* `livebg models pull rvm`"):
        load_cut_graph(import_openvino().Core(), path, (96, 64))
