from collections import Counter
from pathlib import Path

from livebg.models.openvino_import import import_openvino
from livebg.models.rvm_graph import load_cut_graph


def test_activations_are_steps_of_their_own(rvm_weights: Path) -> None:
    """``test_openvino_rvm_network`` holds what they compute against the released graph."""
    graph = load_cut_graph(import_openvino().Core(), rvm_weights, (96, 64))
    steps = Counter(step.get_type_name() for step in graph.get_ordered_ops())
    # MobileNetV3-Large (Howard et al. 2019, table 1): a stem, nine hard-swish blocks with an
    # activation after their first and second convolution, and the last layer; eight gates.
    assert steps["HSwish"] == 20
    assert steps["HSigmoid"] == 8
    assert steps["HardSigmoid"] == 0


def test_only_alpha_is_cut_out(rvm_weights: Path) -> None:
    graph = load_cut_graph(import_openvino().Core(), rvm_weights, (96, 64))
    planes = [
        step.output(0).shape
        for step in graph.get_ordered_ops()
        if step.get_type_name() == "Slice" and len(step.output(0).shape) == 4
    ]
    assert [list(shape) for shape in planes] == [[1, 1, 64, 96]] * 3
