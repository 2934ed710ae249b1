from pathlib import Path

import pytest

from livebg.errors import ModelError
from livebg.models.openvino_import import import_openvino
from livebg.models.rvm_graph import STATE_CHANNELS, load_cut_graph, state_shapes
from tests.onnx_files import red_matte_nchw


@pytest.mark.parametrize("size", [(256, 144), (144, 256), (16, 16), (640, 352)])
def test_states_halve_from_level_to_level(size: tuple[int, int]) -> None:
    width, height = size
    shapes = state_shapes(size)
    assert [shape[1] for shape in shapes] == list(STATE_CHANNELS)
    assert [shape[2:] for shape in shapes] == [
        (height // stride, width // stride) for stride in (2, 4, 8, 16)
    ]


def test_the_cut_graph_takes_bytes_and_ends_at_the_coefficients(rvm_weights: Path) -> None:
    graph = load_cut_graph(import_openvino().Core(), rvm_weights, (96, 64))
    (source,) = graph.inputs
    outputs = {plane.get_any_name(): plane for plane in graph.outputs}
    assert source.get_any_name() == "src"
    assert list(source.shape) == [1, 64, 96, 3]
    assert source.element_type.get_type_name() == "u8"
    assert set(outputs) == {"gain", "offset", "coarse"}
    assert all(list(plane.shape) == [1, 1, 64, 96] for plane in outputs.values())


def test_the_state_stays_inside(rvm_weights: Path) -> None:
    graph = load_cut_graph(import_openvino().Core(), rvm_weights, (96, 64))
    shapes = {
        v.get_info().variable_id: list(v.get_info().data_shape) for v in graph.get_variables()
    }
    assert shapes == {
        f"r{n}ir{n}o": list(shape) for n, shape in enumerate(state_shapes((96, 64)), start=1)
    }


def test_another_network_is_refused(tmp_path: Path) -> None:
    path = red_matte_nchw(tmp_path / "red.onnx")
    with pytest.raises(ModelError, match=r"red\.onnx is not the released Robust Video Matting"):
        load_cut_graph(import_openvino().Core(), path, (96, 64))


def test_a_file_that_is_no_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "note.onnx"
    path.write_text("not a network")
    with pytest.raises(ModelError, match=r"note\.onnx"):
        load_cut_graph(import_openvino().Core(), path, (96, 64))
