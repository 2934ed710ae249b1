from pathlib import Path

import cv2
import numpy as np
import pytest

from livebg.errors import SinkError
from livebg.sink.alpha import AlphaFolder
from livebg.sink.pictures import PictureFolderSink
from livebg.types import Composite, Image

BGRA: Image = np.random.default_rng(3).integers(0, 256, (20, 30, 4), np.uint8)


def read_back(path: Path) -> Image:
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert image is not None
    return np.asarray(image, dtype=np.uint8)


def test_pictures_are_numbered_by_running_count(tmp_path: Path) -> None:
    with PictureFolderSink(tmp_path / "out") as sink:
        for index in (5, 7):
            sink.send(Composite(BGRA[:, :, :3] // index, index, captured_ns=0))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "frame_0000.png",
        "frame_0001.png",
    ]
    np.testing.assert_array_equal(
        read_back(tmp_path / "out" / "frame_0001.png"), BGRA[:, :, :3] // 7
    )


def test_transparency_is_kept(tmp_path: Path) -> None:
    with PictureFolderSink(tmp_path) as sink:
        sink.send(Composite(BGRA, 0, captured_ns=0))
    np.testing.assert_array_equal(read_back(tmp_path / "frame_0000.png"), BGRA)


def test_mattes_are_8_bit_grey_and_start_at_0(tmp_path: Path) -> None:
    matte = np.ascontiguousarray(BGRA[:, :, 3])
    with AlphaFolder(tmp_path) as sink:
        for index in (3, 4):
            sink.send(Composite(BGRA, index, captured_ns=0, alpha=matte))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["alpha_0000.png", "alpha_0001.png"]
    np.testing.assert_array_equal(read_back(tmp_path / "alpha_0000.png"), matte)


def test_a_composite_without_its_matte_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    with (
        pytest.raises(SinkError, match="frame 3 came without its matte"),
        AlphaFolder(tmp_path / "mattes") as sink,
    ):
        sink.send(Composite(BGRA, 3, captured_ns=0))
    assert list(tmp_path.iterdir()) == []
