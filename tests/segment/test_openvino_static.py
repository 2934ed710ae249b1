import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import helper

from livebg.errors import InputError, ModelError, UsageError, WeightsError
from livebg.segment.openvino_static import OpenvinoStatic
from livebg.types import FloatImage, Frame, Matte
from tests.checkpoints import write_checkpoint
from tests.onnx_files import (
    constant,
    linear_classes,
    pick,
    red_against_blue,
    red_matte_nchw,
    red_matte_nhwc,
    voc_weights,
    write_onnx,
)

SIZE = (48, 32)
BLUE, GREEN, RED = 0, 1, 2


@pytest.fixture(scope="module")
def frame() -> Frame:
    pixels = np.random.default_rng(1).integers(0, 256, (32, 48, 3), np.uint8)
    return Frame(pixels, index=7, captured_ns=70)


def matte_of(path: Path, frame: Frame, cache: Path, keep: tuple[str, ...] = ("person",)) -> Matte:
    with OpenvinoStatic(
        path, frame.size, keep=keep, input_size=SIZE, cache_folder=cache, precision="f32"
    ) as segmenter:
        return segmenter.segment(frame)


def assert_close(found: FloatImage, expected: NDArray[Any]) -> None:
    # A few roundings of float32 apart from numpy.
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def sigmoid(x: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(1 / (1 + np.exp(-x)))


def test_a_matte_with_channels_first(tmp_path: Path, frame: Frame) -> None:
    matte = matte_of(red_matte_nchw(tmp_path / "m.onnx"), frame, tmp_path)
    assert_close(matte.coarse, frame.image[..., RED] / 255)
    assert not matte.gain.any()
    assert matte.labels is None
    assert (matte.frame_index, matte.captured_ns) == (7, 70)


def test_a_matte_with_channels_last(tmp_path: Path, frame: Frame) -> None:
    matte = matte_of(red_matte_nhwc(tmp_path / "m.onnx"), frame, tmp_path)
    expected = sigmoid(frame.image[..., RED].astype(np.float32) / 255)
    assert_close(matte.coarse, expected)


def test_two_classes(tmp_path: Path, frame: Frame) -> None:
    matte = matte_of(red_against_blue(tmp_path / "m.onnx"), frame, tmp_path)
    scaled = (frame.image.astype(np.float32) / 255 - 0.5) / 0.5
    expected = sigmoid(scaled[..., RED] - scaled[..., BLUE])
    assert_close(matte.coarse, expected)


def test_21_classes_and_those_to_keep(tmp_path: Path, frame: Frame) -> None:
    matte = matte_of(linear_classes(tmp_path / "m.onnx"), frame, tmp_path, ("person", "dog"))
    rgb = frame.image[..., ::-1].astype(np.float32) / 255
    normal = (rgb - (0.485, 0.456, 0.406)) / np.array((0.229, 0.224, 0.225))
    logits = normal @ voc_weights().T
    odds = np.exp(logits - logits.max(2, keepdims=True))
    expected = odds[..., [12, 15]].sum(2) / odds.sum(2)
    assert_close(matte.coarse, expected)
    assert matte.labels is not None
    np.testing.assert_array_equal(matte.labels, logits.argmax(2))


def test_a_file_of_fixed_size_is_run_at_that_size(tmp_path: Path, frame: Frame) -> None:
    path = red_matte_nchw(tmp_path / "m.onnx", (16, 24))
    with OpenvinoStatic(path, SIZE, input_size=SIZE, cache_folder=tmp_path) as segmenter:
        assert segmenter.info.input_size == (24, 16)
        assert segmenter.info.model == str(path)
        assert segmenter.segment(frame).size == (24, 16)


def test_a_network_that_returns_no_numbers_is_an_error(tmp_path: Path, frame: Frame) -> None:
    red, constants = pick("src", "red", 0, 1)
    constants.append(constant("zero", 0.0))
    nodes = [
        red,
        helper.make_node("Mul", ["red", "zero"], ["nothing"]),
        helper.make_node("Div", ["nothing", "zero"], ["pha"]),
    ]
    path = write_onnx(
        tmp_path / "nan.onnx", nodes, {"src": [1, 3, 32, 48]}, {"pha": [1, 1, 32, 48]}, constants
    )
    with pytest.raises(ModelError, match="values that are not numbers for frame 7"):
        matte_of(path, frame, tmp_path)


def test_a_recurrent_file_is_refused(rvm_weights: Path, frame: Frame, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="recurrent network"):
        matte_of(rvm_weights, frame, tmp_path)


def test_a_file_that_openvino_cannot_run_is_an_error(tmp_path: Path, frame: Frame) -> None:
    path = red_matte_nchw(tmp_path / "m.onnx")
    model = onnx.load(str(path))
    model.graph.node[0].domain = "somebody.else"
    model.opset_import.append(helper.make_opsetid("somebody.else", 1))
    onnx.save(model, str(path))
    with pytest.raises(ModelError, match=r"OpenVINO cannot use .*m\.onnx at 48x32"):
        matte_of(path, frame, tmp_path)


def test_a_missing_file_is_refused(tmp_path: Path, frame: Frame) -> None:
    with pytest.raises(InputError, match="absent"):
        matte_of(tmp_path / "absent.onnx", frame, tmp_path)


def test_an_unknown_class_is_refused(tmp_path: Path, frame: Frame) -> None:
    with pytest.raises(UsageError, match="'unicorn'"):
        matte_of(linear_classes(tmp_path / "m.onnx"), frame, tmp_path, ("unicorn",))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    name = "deeplabv3_mobilenet_v3_large"
    return write_checkpoint(name, tmp_path_factory.mktemp("weights") / f"{name}.pth")


def test_a_converted_network_starts_without_torch_with_a_checkpoint_the_test_wrote(
    checkpoint: Path, tmp_path: Path
) -> None:
    program = f"""
import sys
from pathlib import Path
from livebg.segment.openvino_static import OpenvinoStatic
OpenvinoStatic(Path({str(checkpoint)!r}), {SIZE}, name={checkpoint.stem!r}, input_size={SIZE},
               cache_folder=Path({str(tmp_path)!r}))
print("torch" in sys.modules)
"""
    answers = [
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120
        ).stdout.split()[-1]
        for _ in range(2)
    ]
    assert answers == ["True", "False"]
    assert len(list(tmp_path.glob("deeplabv3*.xml"))) == 1


def test_a_wrong_checkpoint_is_refused_and_leaves_nothing(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no checkpoint of lraspp_mobilenet_v3_large"):
        OpenvinoStatic(
            checkpoint,
            SIZE,
            name="lraspp_mobilenet_v3_large",
            input_size=SIZE,
            cache_folder=tmp_path,
        )
    assert not list(tmp_path.iterdir())
