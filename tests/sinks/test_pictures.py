from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from livebg.errors import InputError, SinkError
from livebg.frame import Composite, Image
from livebg.sinks.pictures import (
    AlphaFolder,
    PictureFolderSink,
    check_picture_path,
    write_picture,
)

GENERATOR = np.random.default_rng(3)
GREY: Image = GENERATOR.integers(0, 256, (20, 30), np.uint8)
BGR: Image = GENERATOR.integers(0, 256, (20, 30, 3), np.uint8)
BGRA: Image = GENERATOR.integers(0, 256, (20, 30, 4), np.uint8)


def read_back(path: Path) -> Image:
    image = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    assert image is not None
    return np.asarray(image, dtype=np.uint8)


@pytest.mark.parametrize("image", [GREY, BGR, BGRA], ids=["grey", "bgr", "bgra"])
def test_png_keeps_every_pixel_and_replaces_an_earlier_picture(
    tmp_path: Path, image: Image
) -> None:
    path = tmp_path / "Bild ü.PNG"
    path.write_bytes(b"old")
    write_picture(path, image)
    np.testing.assert_array_equal(read_back(path), image)
    assert list(tmp_path.iterdir()) == [path]


def test_webp_keeps_alpha(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.webp", BGRA)
    np.testing.assert_array_equal(read_back(tmp_path / "a.webp")[:, :, 3], BGRA[:, :, 3])


def test_jpeg_is_written_close_to_the_original(tmp_path: Path) -> None:
    smooth = np.asarray(cv2.GaussianBlur(BGR, (0, 0), 4), dtype=np.uint8)
    write_picture(tmp_path / "a.jpg", smooth)
    # Quality 95 on a smooth picture: a few levels.
    np.testing.assert_allclose(read_back(tmp_path / "a.jpg").astype(int), smooth, atol=10)


@pytest.mark.parametrize("ending", [".jpg", ".JPEG"])
def test_jpeg_cannot_be_transparent(tmp_path: Path, ending: str) -> None:
    with pytest.raises(InputError, match=r"JPEG pictures cannot be transparent, use \.png"):
        write_picture(tmp_path / f"a{ending}", BGRA)
    with pytest.raises(InputError, match="transparent"):
        check_picture_path(tmp_path / f"a{ending}", transparent=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "words"),
    [(name, r"use \.png, \.jpg, \.jpeg, \.webp") for name in ("a", "a.mp4", "a.gif")]
    + [("a.webp", "WebP holds up to 16383"), ("missing/a.png", "does not exist")],
)
def test_what_cannot_be_written_is_refused(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        write_picture(tmp_path / name, np.zeros((1, 16_384, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []


def send_all(folder: Path, *images: Image) -> PictureFolderSink:
    sink = PictureFolderSink(folder)
    for index, image in enumerate(images, start=5):
        sink.send(Composite(image, index, captured_ns=0))
    return sink


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize("images", [(BGR, BGR // 7), (BGRA,)], ids=["bgr", "bgra"])
def test_pictures_appear_together_numbered_by_running_count(
    tmp_path: Path, images: tuple[Image, ...]
) -> None:
    folder = tmp_path / "new" / "pictures"
    sink = send_all(folder, *images)
    assert contents(folder) == {}
    sink.close()
    for number, image in enumerate(images):
        np.testing.assert_array_equal(read_back(folder / f"frame_{number:04d}.png"), image)
    assert len(list(folder.iterdir())) == len(images)


def test_mattes_are_8_bit_grey_and_start_at_0(tmp_path: Path) -> None:
    with AlphaFolder(tmp_path) as sink:
        for index in (3, 4):
            sink.send(Composite(BGRA, index, captured_ns=0, alpha=GREY))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["alpha_0000.png", "alpha_0001.png"]
    np.testing.assert_array_equal(read_back(tmp_path / "alpha_0000.png"), GREY)


def test_a_composite_without_its_matte_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    with (
        pytest.raises(SinkError, match="frame 3 came without its matte"),
        AlphaFolder(tmp_path / "mattes") as sink,
    ):
        sink.send(Composite(BGRA, 3, captured_ns=0))
    assert list(tmp_path.iterdir()) == []


def test_an_earlier_run_is_replaced_whole_and_nothing_else(tmp_path: Path) -> None:
    send_all(tmp_path, BGR, BGR, BGR).close()
    others = {"alpha_0002.png": b"m", "frame_2.png": b"u", "frame_0002.jpg": b"j"}
    for name, content in others.items():
        (tmp_path / name).write_bytes(content)
    send_all(tmp_path, BGRA, BGRA).close()
    assert contents(tmp_path).keys() == others.keys() | {"frame_0000.png", "frame_0001.png"}
    assert contents(tmp_path).items() >= others.items()
    np.testing.assert_array_equal(read_back(tmp_path / "frame_0001.png"), BGRA)


def test_an_aborted_run_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    send_all(tmp_path, BGR).close()
    send_all(tmp_path, BGRA, BGRA).abort()
    assert [path.name for path in tmp_path.iterdir()] == ["frame_0000.png"]
    np.testing.assert_array_equal(read_back(tmp_path / "frame_0000.png"), BGR)


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"")
    with pytest.raises(InputError, match="this is a file"):
        PictureFolderSink(tmp_path / "out")


def test_places_where_no_folder_can_be_are_refused(tmp_path: Path, locked_folder: Path) -> None:
    with pytest.raises(InputError, match="cannot be written to"):
        PictureFolderSink(tmp_path / ("x" * 300))
    with pytest.raises(InputError, match="locked"):
        PictureFolderSink(locked_folder / "pictures")


def test_a_folder_that_vanishes_is_a_sink_error(tmp_path: Path) -> None:
    sink = send_all(tmp_path / "out")
    shutil.rmtree(tmp_path / "out")
    with pytest.raises(SinkError, match=r"out: writing failed \(No such file"):
        sink.send(Composite(BGR, 0, captured_ns=0))
    sink.abort()
