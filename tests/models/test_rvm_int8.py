from pathlib import Path
from typing import Any

import numpy as np
import pytest

from livebg.errors import ModelError
from livebg.models.openvino_import import import_openvino
from livebg.models.rvm_graph import load_cut_graph
from livebg.models.rvm_int8 import quantize


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


def test_another_network_is_refused(rvm_weights: Path) -> None:
    openvino = import_openvino()
    graph = load_cut_graph(openvino.Core(), rvm_weights, (96, 64))
    steps_of(graph, "Convolution")[20].set_friendly_name("other")
    with pytest.raises(ModelError, match=r"not the released Robust Video Matting \(no Conv_"):
        quantize(graph)
