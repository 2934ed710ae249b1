from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from livebg.bench.footage import Footage, frames_that_fit, load_footage
from livebg.errors import InputError
from livebg.types import Image
from tests.bench.clips import write_scene
from tests.clips import number_of, write_clip


def level(number: int) -> Image:
    return np.full((4, 6, 3), number, np.uint8)


@pytest.mark.parametrize(
    ("count", "order"),
    [(1, [0, 0, 0]), (2, [0, 1, 0, 1]), (3, [0, 1, 2, 1, 0, 1, 2])],
)
def test_it_plays_forwards_and_backwards(count: int, order: list[int]) -> None:
    footage = Footage([level(number) for number in range(count)], Fraction(25))
    frames = list(islice(footage.frames(), len(order)))
    assert [int(frame.image[0, 0, 0]) for frame in frames] == order
    assert [frame.index for frame in frames] == list(range(len(order)))
    assert frames[1].captured_ns == 40_000_000


def test_every_frame_is_new_so_that_nothing_small_is_kept_from_the_last_round() -> None:
    first, second = islice(Footage([level(0)], Fraction(25)).frames(), 2)
    first.halved(1)
    assert first.image is second.image
    assert first.halved(1) is not second.halved(1)


def test_its_memory_is_that_of_its_pictures() -> None:
    footage = Footage([level(0), level(1)], Fraction(25))
    assert footage.size_mib == 2 * 4 * 6 * 3 / 2**20


def test_a_video_is_read_to_the_limit_at_the_wanted_size(tmp_path: Path) -> None:
    footage = load_footage(write_clip(tmp_path / "clip.mp4"), (128, 96), 3)
    frames = list(islice(footage.frames(), 4))
    assert [number_of(frame.image) for frame in frames] == [0, 1, 2, 1]
    assert all(frame.size == (128, 96) for frame in frames)
    assert footage.frame_rate == 25


def test_a_folder_of_pictures_has_30_frames_a_second(tmp_path: Path) -> None:
    footage = load_footage(write_scene(tmp_path / "scene"), (160, 96), 99)
    assert footage.frame_rate == 30
    assert next(footage.frames()).size == (160, 96)


def test_a_missing_clip_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.mp4"):
        load_footage(tmp_path / "none.mp4", (160, 96), 1)


def test_fewer_large_frames_fit() -> None:
    assert frames_that_fit((3840, 2160)) == 64
    assert frames_that_fit((1280, 720)) == 9 * 64 + 2
    assert frames_that_fit((100_000, 100_000)) == 1
