import mmap
from pathlib import Path

import cv2
import numpy as np
import pytest

from livebg.source.picture_header import PictureHeader, read_header
from livebg.types import Image

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
