from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from livebg.errors import DamagedFileError, InputError
from livebg.source.pictures import PictureFolder, list_pictures
from livebg.types import Size
from tests.clips import SIZE, number_of, numbered

RATE = Fraction(25)


def put(folder: Path, *names: str, size: Size = SIZE) -> None:
    for number, name in enumerate(names):
        (folder / name).write_bytes(cv2.imencode(".png", numbered(number, size))[1].tobytes())


def names(folder: Path) -> list[str]:
    return [path.name for path in list_pictures(folder)]


def test_pictures_come_in_natural_order_at_a_constant_rate(tmp_path: Path) -> None:
    put(tmp_path, "f10.png", "F2.png", "f1.png")
    with PictureFolder(tmp_path, RATE) as source:
        frames = list(source)
    assert [number_of(frame.image) for frame in frames] == [2, 1, 0]
    assert [frame.captured_ns for frame in frames] == [0, 40_000_000, 80_000_000]
    assert (source.info.size, source.info.frame_rate, source.info.frame_count) == (SIZE, RATE, 3)


def test_times_do_not_drift_at_broadcast_rates(tmp_path: Path) -> None:
    put(tmp_path, *(f"{n}.png" for n in range(4)))
    with PictureFolder(tmp_path, Fraction(30_000, 1001)) as source:
        assert [frame.captured_ns for frame in source][3] == round(3 * 1001 / 30_000 * 1e9)


def test_other_files_are_passed_over(tmp_path: Path) -> None:
    put(tmp_path, "a.png", "b.JPG", ".hidden.png")
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "clips.png").mkdir()
    assert names(tmp_path) == ["a.png", "b.JPG"]


def test_mattes_beside_pictures_are_no_frames(tmp_path: Path) -> None:
    put(tmp_path, "alpha_0000.png", "alpha_0001.png", "alpha_12345.png")
    put(tmp_path, "frame_0000.png", "frame_0001.png", "alpha_1.png", "alpha_0000.jpg")
    assert names(tmp_path) == ["alpha_0000.jpg", "alpha_1.png", "frame_0000.png", "frame_0001.png"]


def test_mattes_alone_are_read(tmp_path: Path) -> None:
    put(tmp_path, "alpha_0000.png", "alpha_0001.png")
    assert names(tmp_path) == ["alpha_0000.png", "alpha_0001.png"]


def test_mixed_sizes_are_refused_at_opening_with_both_names(tmp_path: Path) -> None:
    put(tmp_path, "a.png", "b.png")
    put(tmp_path, "c.png", size=(128, 48))
    with pytest.raises(InputError, match=r"a\.png has 64x48 .*c\.png has 128x48"):
        PictureFolder(tmp_path, RATE)


def test_a_picture_that_only_its_orientation_makes_different_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "a.png")
    put(tmp_path, "b.png", size=SIZE[::-1])
    with (
        PictureFolder(tmp_path, RATE) as source,
        pytest.raises(DamagedFileError, match=r"b\.png has 48x64"),
    ):
        list(source)


def test_a_picture_that_breaks_off_ends_it(tmp_path: Path) -> None:
    put(tmp_path, "a.png", "b.png")
    whole = (tmp_path / "b.png").read_bytes()
    (tmp_path / "b.png").write_bytes(whole[: len(whole) // 2])
    with PictureFolder(tmp_path, RATE) as source:
        source.read()
        with pytest.raises(DamagedFileError, match=r"b\.png: the PNG picture is cut short"):
            source.read()


@pytest.mark.parametrize("name", ["a.png", "b.png"])
def test_an_empty_file_is_refused_at_opening(tmp_path: Path, name: str) -> None:
    put(tmp_path, "a.png", "b.png")
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(InputError, match=f"{name}: .*empty"):
        PictureFolder(tmp_path, RATE)


def test_folders_without_pictures_are_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(InputError, match="no picture in this folder"):
        PictureFolder(tmp_path, RATE)
    with pytest.raises(InputError, match="cannot be read"):
        PictureFolder(tmp_path / "missing", RATE)


def test_a_rate_must_be_above_zero(tmp_path: Path) -> None:
    put(tmp_path, "a.png")
    with pytest.raises(ValueError, match="0 frames per second"):
        PictureFolder(tmp_path, Fraction(0))


def test_the_first_picture_is_decoded_once_and_handed_on(tmp_path: Path) -> None:
    put(tmp_path, "a.png", "b.png")
    with PictureFolder(tmp_path, RATE) as source:
        first = source.read()
        second = source.read()
    assert not np.shares_memory(first.image, second.image)
    assert (number_of(first.image), number_of(second.image)) == (0, 1)
