import os
import struct
import sys
from pathlib import Path
from zlib import compress, crc32

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from livebg.errors import InputError
from livebg.source.picture import read_picture
from livebg.types import Image


def gradient(width: int = 48, height: int = 32) -> Image:
    """Smooth, so that JPEG keeps it, and different in every corner."""
    y, x = np.mgrid[0:height, 0:width]
    channels = [x * 255 // (width - 1), y * 255 // (height - 1), 128 + 0 * x]
    return np.ascontiguousarray(np.stack(channels, axis=2), dtype=np.uint8)


def encoded(ending: str, image: Image | NDArray[np.uint16]) -> bytes:
    done, content = cv2.imencode(ending, image)
    assert done
    return content.tobytes()


def store(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("ending", [".png", ".bmp", ".tiff", ".ppm"])
def test_lossless_formats_come_as_they_are(tmp_path: Path, ending: str) -> None:
    path = store(tmp_path / f"a{ending}", encoded(ending, gradient()))
    image = read_picture(path)
    np.testing.assert_array_equal(image, gradient())
    assert image.dtype == np.uint8
    assert image.flags.c_contiguous


@pytest.mark.parametrize("ending", [".jpg", ".webp"])
def test_lossy_formats_come_close(tmp_path: Path, ending: str) -> None:
    path = store(tmp_path / f"a{ending}", encoded(ending, gradient()))
    # Quality 95 keeps a gradient within a few levels.
    np.testing.assert_allclose(read_picture(path).astype(int), gradient(), atol=10)


def test_any_name_will_do(tmp_path: Path) -> None:
    path = store(tmp_path / "Ünïcödé 写真 %d.bin", encoded(".png", gradient()))
    np.testing.assert_array_equal(read_picture(path), gradient())


def test_16_bit_and_grey_pictures_become_8_bit_bgr(tmp_path: Path) -> None:
    deep = store(tmp_path / "deep.png", encoded(".png", gradient().astype(np.uint16) * 257))
    np.testing.assert_array_equal(read_picture(deep), gradient())
    grey = store(tmp_path / "grey.png", encoded(".png", gradient()[:, :, 0]))
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
    path = store(tmp_path / "clear.png", encoded(".png", clear))
    np.testing.assert_array_equal(read_picture(path), gradient())


def with_orientation(jpeg: bytes, orientation: int) -> bytes:
    """Insert an EXIF segment that holds nothing but an orientation."""
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    tiff = b"II*\0" + struct.pack("<IH", 8, 1) + entry + bytes(4)
    body = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


@pytest.mark.parametrize(("orientation", "quarter_turns"), [(3, 2), (6, 3), (8, 1)])
def test_exif_orientation_is_honoured(tmp_path: Path, orientation: int, quarter_turns: int) -> None:
    path = store(tmp_path / "phone.jpg", with_orientation(encoded(".jpg", gradient()), orientation))
    upright = np.rot90(gradient(), quarter_turns).astype(int)
    np.testing.assert_allclose(read_picture(path), upright, atol=10)


def half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def huge_png() -> bytes:
    """A PNG header that promises 30000x30000 pixels, which would take 2.7 GB."""
    content = bytearray(encoded(".png", gradient()))
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
        (half(encoded(".png", gradient())), "cut short"),
        (half(encoded(".jpg", gradient())), "cut short"),
        (half(encoded(".webp", gradient())), "cut short"),
        (half(encoded(".bmp", gradient())), "damaged"),
        (half(encoded(".tiff", gradient())), "damaged"),
        (half(encoded(".gif", gradient())), "damaged"),
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
