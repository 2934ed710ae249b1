from __future__ import annotations

import mmap
import os
import struct
import sys
from fractions import Fraction
from pathlib import Path
from zlib import compress, crc32

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from livebg.errors import DamagedFileError, InputError
from livebg.frame import Image, Size
from livebg.sources.pictures import (
    PictureFolder,
    PictureHeader,
    list_pictures,
    read_header,
    read_picture,
)
from tests.support.clips import SIZE, number_of, numbered

IMAGE: Image = np.random.default_rng(0).integers(0, 256, (31, 47, 3), np.uint8)


def encoded(ending: str, *parameters: int, image: Image = IMAGE) -> bytes:
    return cv2.imencode(ending, image, parameters)[1].tobytes()


WITH_ALPHA = np.dstack([IMAGE, IMAGE[:, :, 0]])


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("PNG", encoded(".png")),
        ("JPEG", encoded(".jpg")),
        ("JPEG", encoded(".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1)),
        ("WebP", encoded(".webp", cv2.IMWRITE_WEBP_QUALITY, 80)),
        ("WebP", encoded(".webp", cv2.IMWRITE_WEBP_QUALITY, 101)),
        ("WebP", encoded(".webp", cv2.IMWRITE_WEBP_QUALITY, 80, image=WITH_ALPHA)),
        ("BMP", encoded(".bmp")),
        ("GIF", encoded(".gif")),
    ],
)
def test_size_and_completeness_of_a_whole_picture(kind: str, content: bytes) -> None:
    assert read_header(content) == PictureHeader(kind, (47, 31))


@pytest.mark.parametrize("ending", [".png", ".jpg", ".webp"])
def test_a_picture_without_its_end_is_not_complete(ending: str) -> None:
    content = encoded(ending)
    for missing in (4, len(content) // 2):
        header = read_header(content[:-missing])
        assert header is not None
        assert (header.size, header.complete) == ((47, 31), False)


@pytest.mark.parametrize("ending", [".gif", ".png", ".webp"])
def test_more_than_one_frame_is_seen(ending: str) -> None:
    animation = cv2.Animation()
    animation.frames = [np.dstack([IMAGE, np.full((31, 47), 255, np.uint8)]), WITH_ALPHA]
    animation.durations = [100, 100]
    done, content = cv2.imencodeanimation(ending, animation)
    assert done
    header = read_header(bytes(content))
    assert header is not None
    assert header.animated


def test_a_memory_map_will_do(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(encoded(".jpg"))
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        assert read_header(data) == PictureHeader("JPEG", (47, 31))


@pytest.mark.parametrize("ending", [".png", ".jpg", ".webp", ".gif", ".bmp"])
def test_no_beginning_of_a_picture_breaks_it(ending: str) -> None:
    content = encoded(ending)
    for length in range(min(len(content), 600)):
        header = read_header(content[:length])
        assert header is None or header.kind in {"PNG", "JPEG", "WebP", "GIF", "BMP"}


def test_what_is_no_picture_has_no_header() -> None:
    assert read_header(b"") is None
    assert read_header(b"RIFF\x10\0\0\0WAVEfmt ") is None
    assert read_header(b"\0\0\0\x18ftypisom") is None


def gradient(width: int = 48, height: int = 32) -> Image:
    """Smooth, so that JPEG keeps it, and different in every corner."""
    y, x = np.mgrid[0:height, 0:width]
    channels = [x * 255 // (width - 1), y * 255 // (height - 1), 128 + 0 * x]
    return np.ascontiguousarray(np.stack(channels, axis=2), dtype=np.uint8)


def encoded_picture(ending: str, image: Image | NDArray[np.uint16]) -> bytes:
    done, content = cv2.imencode(ending, image)
    assert done
    return content.tobytes()


def store(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("ending", [".png", ".bmp", ".tiff", ".ppm"])
def test_lossless_formats_come_as_they_are(tmp_path: Path, ending: str) -> None:
    path = store(tmp_path / f"a{ending}", encoded_picture(ending, gradient()))
    image = read_picture(path)
    np.testing.assert_array_equal(image, gradient())
    assert image.dtype == np.uint8
    assert image.flags.c_contiguous


@pytest.mark.parametrize("ending", [".jpg", ".webp"])
def test_lossy_formats_come_close(tmp_path: Path, ending: str) -> None:
    path = store(tmp_path / f"a{ending}", encoded_picture(ending, gradient()))
    # Quality 95 keeps a gradient within a few levels.
    np.testing.assert_allclose(read_picture(path).astype(int), gradient(), atol=10)


def test_any_name_will_do(tmp_path: Path) -> None:
    path = store(tmp_path / "Ünïcödé 写真 %d.bin", encoded_picture(".png", gradient()))
    np.testing.assert_array_equal(read_picture(path), gradient())


def test_16_bit_and_grey_pictures_become_8_bit_bgr(tmp_path: Path) -> None:
    deep = store(tmp_path / "deep.png", encoded_picture(".png", gradient().astype(np.uint16) * 257))
    np.testing.assert_array_equal(read_picture(deep), gradient())
    grey = store(tmp_path / "grey.png", encoded_picture(".png", gradient()[:, :, 0]))
    np.testing.assert_array_equal(read_picture(grey), gradient()[:, :, [0, 0, 0]])


def palette_png(indices: Image, colours: Image) -> bytes:
    """Write a PNG of colour type 3 by hand: ``colours`` is ``(N, 3)`` RGB."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", crc32(name + body))

    height, width = indices.shape
    rows = b"".join(b"\0" + row.tobytes() for row in indices)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0))
        + chunk(b"PLTE", colours.tobytes())
        + chunk(b"IDAT", compress(rows))
        + chunk(b"IEND", b"")
    )


def test_a_palette_becomes_bgr(tmp_path: Path) -> None:
    indices = np.array([[0, 1], [2, 1]], np.uint8)
    colours = np.array([[1, 2, 3], [40, 50, 60], [255, 0, 7]], np.uint8)
    path = store(tmp_path / "palette.png", palette_png(indices, colours))
    np.testing.assert_array_equal(read_picture(path), colours[indices][:, :, ::-1])


def test_transparency_is_dropped_not_composed(tmp_path: Path) -> None:
    clear = np.dstack([gradient(), np.full((32, 48), 7, np.uint8)])
    path = store(tmp_path / "clear.png", encoded_picture(".png", clear))
    np.testing.assert_array_equal(read_picture(path), gradient())


def with_orientation(jpeg: bytes, orientation: int) -> bytes:
    """Insert an EXIF segment that holds nothing but an orientation."""
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    tiff = b"II*\0" + struct.pack("<IH", 8, 1) + entry + bytes(4)
    body = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


@pytest.mark.parametrize(("orientation", "quarter_turns"), [(3, 2), (6, 3), (8, 1)])
def test_exif_orientation_is_honoured(tmp_path: Path, orientation: int, quarter_turns: int) -> None:
    path = store(
        tmp_path / "phone.jpg", with_orientation(encoded_picture(".jpg", gradient()), orientation)
    )
    upright = np.rot90(gradient(), quarter_turns).astype(int)
    np.testing.assert_allclose(read_picture(path), upright, atol=10)


def half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def huge_png() -> bytes:
    """A PNG header that promises 30000x30000 pixels, which would take 2.7 GB."""
    content = bytearray(encoded_picture(".png", gradient()))
    content[16:24] = struct.pack(">II", 30_000, 30_000)
    return bytes(content)


def animated_gif() -> bytes:
    animation = cv2.Animation()
    animation.frames = [gradient(), gradient()[::-1].copy()]
    animation.durations = [100, 100]
    done, content = cv2.imencodeanimation(".gif", animation)
    assert done
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "0 bytes"),
        (b"not a picture, whatever its name says", "not a picture"),
        (half(encoded_picture(".png", gradient())), "cut short"),
        (half(encoded_picture(".jpg", gradient())), "cut short"),
        (half(encoded_picture(".webp", gradient())), "cut short"),
        (half(encoded_picture(".bmp", gradient())), "damaged"),
        (half(encoded_picture(".tiff", gradient())), "damaged"),
        (half(encoded_picture(".gif", gradient())), "damaged"),
        (huge_png(), "30000x30000 pixels are too many"),
        (b"\0\0\0\x18ftypheic" + bytes(40), "HEIC"),
        (animated_gif(), "animated"),
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


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_picture(tmp_path / "missing.png")
    with pytest.raises(InputError, match="folder"):
        read_picture(tmp_path)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a pipe in the file system")
def test_a_pipe_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(InputError, match="no regular file"):
        read_picture(tmp_path / "pipe.png")


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
