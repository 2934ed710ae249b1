from collections.abc import Sequence
from pathlib import Path

import pytest
from onnx import TensorProto, helper

from livebg.errors import InputError, UsageError
from livebg.models.onnx import UNIT_SCALING, Scaling, describe_onnx
from tests.support.onnx_files import (
    Shape,
    constant,
    linear_classes,
    pick,
    red_against_blue,
    red_matte_nchw,
    red_matte_nhwc,
    write_onnx,
)

BYTES = Scaling((0, 0, 0), (1, 1, 1))


def test_a_matte_with_channels_first_and_free_size(tmp_path: Path) -> None:
    found = describe_onnx(red_matte_nchw(tmp_path / "m.onnx"))
    assert (found.kind, found.input_name, found.output_name) == ("matte", "src", "pha")
    assert (found.input_layout, found.output_layout) == ("NCHW", "NCHW")
    assert found.input_size is None
    assert found.scaling == UNIT_SCALING
    assert found.activation == "none"  # it ends in a Clip


def test_a_matte_with_channels_last_and_fixed_size(tmp_path: Path) -> None:
    found = describe_onnx(red_matte_nhwc(tmp_path / "m.onnx", (32, 48)))
    assert found.kind == "matte"
    assert (found.input_layout, found.output_layout) == ("NHWC", "NHWC")
    assert found.input_size == (48, 32)
    assert found.activation == "sigmoid"


def test_two_classes_are_scaled_as_pp_humanseg(tmp_path: Path) -> None:
    found = describe_onnx(red_against_blue(tmp_path / "m.onnx"))
    assert (found.kind, found.activation) == ("two_class", "softmax")
    assert found.scaling == Scaling((127.5,) * 3, (127.5,) * 3)


def test_21_classes_are_scaled_as_torchvision(tmp_path: Path) -> None:
    found = describe_onnx(linear_classes(tmp_path / "m.onnx"))
    assert (found.kind, found.activation) == ("classes", "softmax")
    assert found.scaling.mean == pytest.approx((0.485 * 255, 0.456 * 255, 0.406 * 255))
    assert found.scaling.deviation == pytest.approx((0.229 * 255, 0.224 * 255, 0.225 * 255))


def normalising(path: Path, operation: str, value: Sequence[float]) -> Path:
    red, constants = pick("normal", "red", 0, 1)
    first = helper.make_node(operation, ["x", "c"], ["normal"])
    constants.append(constant("c", value))
    return write_onnx(path, [first, red], {"x": [1, 3, 8, 8]}, {"red": [1, 1, 8, 8]}, constants)


@pytest.mark.parametrize(
    ("operation", "value", "expected"),
    [
        ("Sub", [0.485], UNIT_SCALING),
        ("Sub", [123.675], BYTES),
        ("Add", [-104.0], BYTES),
        ("Div", [255.0], BYTES),
        ("Div", [0.229], UNIT_SCALING),
        ("Mul", [1 / 255], BYTES),
        ("Mul", [2.0], UNIT_SCALING),
    ],
)
def test_a_graph_that_normalises_tells_its_range(
    tmp_path: Path, operation: str, value: list[float], expected: Scaling
) -> None:
    assert describe_onnx(normalising(tmp_path / "m.onnx", operation, value)).scaling == expected


def test_byte_input_is_taken_as_it_is(tmp_path: Path) -> None:
    node = helper.make_node("Cast", ["x"], ["float"], to=TensorProto.FLOAT)
    red, constants = pick("float", "red", 0, 3)
    path = write_onnx(
        tmp_path / "m.onnx",
        [node, red],
        {"x": [1, 8, 8, 3]},
        {"red": [1, 8, 8, 1]},
        constants,
        element=TensorProto.UINT8,
    )
    assert describe_onnx(path).scaling == BYTES


def test_an_activation_is_seen_through_copies(tmp_path: Path) -> None:
    red, constants = pick("x", "red", 0, 1)
    nodes = [
        red,
        helper.make_node("Sigmoid", ["red"], ["soft"]),
        helper.make_node("Transpose", ["soft"], ["matte"], perm=[0, 2, 3, 1]),
    ]
    inputs, outputs = {"x": [1, 3, 8, 8]}, {"matte": [1, 8, 8, 1]}
    path = write_onnx(tmp_path / "m.onnx", nodes, inputs, outputs, constants)
    found = describe_onnx(path)
    assert (found.activation, found.output_layout) == ("none", "NHWC")


def test_a_matte_without_a_channel_axis(tmp_path: Path) -> None:
    node = helper.make_node("ReduceMean", ["x"], ["matte"], axes=[1], keepdims=0)
    path = write_onnx(tmp_path / "m.onnx", [node], {"x": [1, 3, 8, 12]}, {"matte": [1, 8, 12]})
    assert describe_onnx(path).output_layout == "NHW"


def test_shapes_that_a_file_leaves_out_are_inferred(tmp_path: Path) -> None:
    red, constants = pick("x", "red", 0, 1)
    free: Shape = ["n", "c", "h", "w"]
    path = write_onnx(tmp_path / "m.onnx", [red], {"x": [1, 3, 8, 8]}, {"red": free}, constants)
    assert describe_onnx(path).kind == "matte"


@pytest.mark.parametrize(
    ("axes", "given", "result", "shown"),
    [
        ([2, 3], [1, 3, 8, 8], [1, 3], "x float 1x3x8x8, its outputs y float 1x3"),
        ([1], [1, 4, 8, 8], [1, 8, 8], "x float 1x4x8x8"),
        ([3], [1, 3, 8, 8], [1, 3, 8], "y float 1x3x8"),
        ([1], ["n", 3, "h"], ["n", "h"], r"x float \?x3x\?"),
        ([1], [4, 3, 8, 8], [4, 8, 8], "x float 4x3x8x8"),
    ],
)
def test_other_networks_are_refused_with_what_was_found(
    tmp_path: Path, axes: list[int], given: Shape, result: Shape, shown: str
) -> None:
    node = helper.make_node("ReduceMean", ["x"], ["y"], axes=axes, keepdims=0)
    path = write_onnx(tmp_path / "odd.onnx", [node], {"x": given}, {"y": result})
    with pytest.raises(UsageError, match=rf"odd\.onnx is no network .*{shown}.*wanted are"):
        describe_onnx(path)


def test_two_pictures_are_refused(tmp_path: Path) -> None:
    node = helper.make_node("Add", ["x", "z"], ["y"])
    inputs = {"x": [1, 3, 8, 8], "z": [1, 1, 8, 8]}
    path = write_onnx(tmp_path / "odd.onnx", [node], inputs, {"y": [1, 3, 8, 8]})
    with pytest.raises(UsageError, match="x float 1x3x8x8, z float 1x1x8x8"):
        describe_onnx(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.onnx cannot be read: No such file"):
        describe_onnx(tmp_path / "absent.onnx")


@pytest.mark.parametrize("content", [b"", b"\x08\xff not a network"])
def test_what_is_no_onnx_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "noise.onnx").write_bytes(content)
    with pytest.raises(InputError, match=r"noise\.onnx is .*export the network again"):
        describe_onnx(tmp_path / "noise.onnx")
