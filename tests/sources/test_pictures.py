from __future__ import annotations

import os
import struct
import sys
from fractions import Fraction
from pathlib import Path
from zlib import crc32

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as pillow

from livebg.errors import DamagedFileError, InputError
from livebg.frame import Image, Size
from livebg.sources.base import SourceInfo
from livebg.sources.pictures import PICTURE_ENDINGS, PictureFolder, list_pictures, read_picture
from tests.support.clips import SIZE, number_of, numbered


def gradient(width: int = 48, height: int = 32) -> Image:
    """Smooth, so that JPEG keeps it, and different in every corner."""
    y, x = np.mgrid[0:height, 0:width]
    channels = [x * 255 // (width - 1), y * 255 // (height - 1), 128 + 0 * x]
    return np.ascontiguousarray(np.stack(channels, axis=2), dtype=np.uint8)


def encoded(ending: str, image: Image | NDArray[np.uint16] | None = None) -> bytes:
    if image is None:
        image = gradient()[:, :, 0] if ending == ".pgm" else gradient()
    done, content = cv2.imencode(ending, image)
    assert done
    return content.tobytes()


def store(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def as_pillow() -> pillow.Image:
    return pillow.fromarray(gradient()[:, :, ::-1])


@pytest.mark.parametrize("ending", PICTURE_ENDINGS)
def test_every_format_is_read(tmp_path: Path, ending: str) -> None:
    image = gradient() if ending != ".pgm" else gradient()[:, :, [0, 0, 0]]
    read = read_picture(store(tmp_path / f"a{ending}", encoded(ending)))
    lossless = ending in {".png", ".bmp", ".tif", ".tiff", ".ppm", ".pgm"}
    # Swapped channels are 64 levels apart; the dithered colours of a GIF differ most, by 18.
    assert np.abs(read.astype(int) - image).mean() <= (0 if lossless else 20)
    assert read.dtype == np.uint8
    assert read.flags.c_contiguous
    assert read.flags.writeable


def test_any_name_will_do(tmp_path: Path) -> None:
    path = store(tmp_path / "Ünïcödé 写真 %d.bin", encoded(".png"))
    np.testing.assert_array_equal(read_picture(path), gradient())


@pytest.mark.parametrize("ending", [".png", ".tiff"])
def test_16_bit_and_grey_pictures_become_8_bit_bgr(tmp_path: Path, ending: str) -> None:
    deep = gradient().astype(np.uint16) * 257
    grey = gradient()[:, :, [0, 0, 0]]
    path = tmp_path / f"a{ending}"
    np.testing.assert_array_equal(read_picture(store(path, encoded(ending, deep))), gradient())
    for image in (deep[:, :, 0], gradient()[:, :, 0]):
        np.testing.assert_array_equal(read_picture(store(path, encoded(ending, image))), grey)


def test_a_palette_becomes_bgr(tmp_path: Path) -> None:
    indices = np.array([[0, 1], [2, 1]], np.uint8)
    colours = np.array([[1, 2, 3], [40, 50, 60], [255, 0, 7]], np.uint8)
    picture = pillow.fromarray(indices, "P")
    picture.putpalette(colours.tobytes())
    picture.save(tmp_path / "palette.png", transparency=1)
    read = read_picture(tmp_path / "palette.png")
    np.testing.assert_array_equal(read, colours[indices][:, :, ::-1])


def test_transparency_is_dropped_not_composed(tmp_path: Path) -> None:
    clear = np.dstack([gradient(), np.full((32, 48), 7, np.uint8)])
    path = store(tmp_path / "clear.png", encoded(".png", clear))
    np.testing.assert_array_equal(read_picture(path), gradient())


@pytest.mark.parametrize("ending", ["jpg", "png", "webp"])
@pytest.mark.parametrize(("orientation", "quarter_turns"), [(3, 2), (6, 3), (8, 1)])
def test_exif_orientation_is_honoured(
    tmp_path: Path, ending: str, orientation: int, quarter_turns: int
) -> None:
    exif = pillow.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"phone.{ending}"
    as_pillow().save(path, exif=exif, quality=95)
    upright = np.rot90(gradient(), quarter_turns).astype(int)
    np.testing.assert_allclose(read_picture(path), upright, atol=10)


@pytest.mark.parametrize("ending", ["tiff", "mpo"])
def test_the_first_of_several_pages_is_read(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"pages.{ending}"
    as_pillow().save(path, save_all=True, append_images=[as_pillow().rotate(180)], quality=95)
    np.testing.assert_allclose(read_picture(path).astype(int), gradient(), atol=10)


def half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def with_thumbnail(jpeg: bytes) -> bytes:
    """Put a whole small JPEG into a comment of another one."""
    small = encoded(".jpg", gradient(8, 8))
    return jpeg[:2] + b"\xff\xfe" + struct.pack(">H", len(small) + 2) + small + jpeg[2:]


def huge_png(width: int, height: int) -> bytes:
    """A PNG header that promises more pixels than there are."""
    content = bytearray(encoded(".png"))
    content[16:24] = struct.pack(">II", width, height)
    content[29:33] = struct.pack(">I", crc32(content[12:29]))
    return bytes(content)


def animation(ending: str) -> bytes:
    frames = cv2.Animation()
    opaque = np.full((32, 48), 255, np.uint8)
    frames.frames = [np.dstack([image, opaque]) for image in (gradient(), gradient()[::-1])]
    frames.durations = [100, 100]
    done, content = cv2.imencodeanimation(ending, frames)
    assert done
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "0 bytes"),
        (b"not a picture, whatever its name says", "not a picture"),
        (b"RIFF\x10\0\0\0WAVEfmt ", "not a picture"),
        *((half(encoded(ending)), "cut short|damaged") for ending in PICTURE_ENDINGS),
        (with_thumbnail(encoded(".jpg"))[:-12], "cut short"),
        *((encoded(ending)[:-12], "cut short") for ending in (".png", ".jpg", ".webp")),
        (huge_png(16_385, 16), "16385x16 pixels are too many"),
        (huge_png(9_000, 8_000), "9000x8000 pixels are too many"),
        (huge_png(10_000, 10_000), "pixels are too many"),
        (huge_png(30_000, 30_000), "pixels are too many"),
        *((animation(ending), "animated") for ending in (".gif", ".png", ".webp", ".avif")),
    ],
)
def test_bad_pictures_are_refused_in_one_sentence(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], content: bytes, words: str
) -> None:
    path = store(tmp_path / "bad.png", content)
    with pytest.raises(InputError, match=words) as refusal:
        read_picture(path)
    assert str(refusal.value).startswith(str(path))
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("ending", PICTURE_ENDINGS)
def test_no_beginning_of_a_picture_raises_anything_else(tmp_path: Path, ending: str) -> None:
    content = encoded(ending)
    for length in range(1, min(len(content), 600), 7):
        with pytest.raises(InputError):
            read_picture(store(tmp_path / "a", content[:length]))


def test_a_picture_of_an_iphone_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"HEIC .* convert it to JPEG"):
        read_picture(store(tmp_path / "IMG_0001.HEIC", b"\0\0\0\x18ftypheic" + bytes(40)))


@pytest.mark.skipif(sys.platform != "linux", reason="makes a pipe")
def test_what_is_no_file_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, words in (("missing", "no such file"), ("", "folder"), ("pipe", "no regular file")):
        with pytest.raises(InputError, match=words):
            read_picture(tmp_path / name)


RATE = Fraction(25)


def put(folder: Path, *names: str, size: Size = SIZE) -> None:
    for number, name in enumerate(names):
        (folder / name).write_bytes(cv2.imencode(".png", numbered(number, size))[1].tobytes())


def names(folder: Path) -> list[str]:
    return [path.name for path in list_pictures(folder)]


def test_pictures_come_in_natural_order_at_a_constant_rate(tmp_path: Path) -> None:
    put(tmp_path, "f10.png", "F2.png", "f1.png")
    rate = Fraction(30_000, 1001)
    with PictureFolder(tmp_path, rate) as source:
        frames = list(source)
    assert [number_of(frame.image) for frame in frames] == [2, 1, 0]
    # Times do not drift: each is rounded by itself.
    assert [frame.captured_ns for frame in frames] == [0, 33_366_667, 66_733_333]
    assert source.info == SourceInfo(tmp_path.name, SIZE, rate, 3, live=False)


def test_other_files_are_passed_over(tmp_path: Path) -> None:
    put(tmp_path, "a.png", "b.JPG", ".hidden.png")
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "clips.png").mkdir()
    assert names(tmp_path) == ["a.png", "b.JPG"]


def test_mattes_beside_pictures_are_no_frames(tmp_path: Path) -> None:
    mattes = ["alpha_0000.png", "alpha_0001.png", "alpha_12345.png"]
    put(tmp_path, *mattes)
    assert names(tmp_path) == mattes
    put(tmp_path, "frame_0000.png", "frame_0001.png", "alpha_1.png", "alpha_0000.jpg")
    assert names(tmp_path) == ["alpha_0000.jpg", "alpha_1.png", "frame_0000.png", "frame_0001.png"]


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
        with pytest.raises(DamagedFileError, match=r"b\.png: the picture is cut short"):
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
