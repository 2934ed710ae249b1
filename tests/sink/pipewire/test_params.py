from __future__ import annotations

from fractions import Fraction

import pytest

from livebg.pixel_format import PixelFormat, PixelLayout
from livebg.sink.pipewire.params import VideoFormat
from livebg.sink.pipewire.pod import id_pod, object_pod, read_ids

FORMAT = VideoFormat((64, 48), Fraction(30))
LAYOUT_KEY = 0x20001


def test_each_pixel_format_is_a_choice_of_its_own_and_i420_comes_first() -> None:
    assert [read_ids(pod)[LAYOUT_KEY] for pod in FORMAT.choices()] == [2, 4]


@pytest.mark.parametrize(
    ("number", "layout", "stride", "size_bytes"),
    [(2, "i420", 64, 64 * 48 * 3 // 2), (4, "yuy2", 128, 64 * 48 * 2)],
)
def test_the_chosen_format_says_how_large_a_picture_is(
    number: int, layout: PixelLayout, stride: int, size_bytes: int
) -> None:
    chosen = FORMAT.chosen(object_pod(0x40003, 4, {LAYOUT_KEY: id_pod(number)}))
    assert chosen == VideoFormat((64, 48), Fraction(30), PixelFormat(layout, "bt601"))
    assert (chosen.stride, chosen.size_bytes) == (stride, size_bytes)
