"""Pods against bytes written by hand from the format's description."""

from __future__ import annotations

import struct
from fractions import Fraction

import pytest

from livebg.frame import PixelFormat, PixelLayout
from livebg.sinks.pipewire.video_format import VideoFormat

FORMAT = VideoFormat((64, 48), Fraction(30000, 1001))
LAYOUT_KEY = 0x20001


def words(*numbers: int) -> bytes:
    return struct.pack(f"={len(numbers)}I", *numbers)


@pytest.mark.parametrize(("index", "number"), [(0, 2), (1, 4)], ids=["i420", "yuy2"])
def test_each_pixel_format_is_a_choice_of_its_own_and_i420_comes_first(
    index: int, number: int
) -> None:
    expected = (
        words(1, 0, 4, 3, 2, 0) + words(2, 0, 4, 3, 1, 0) + words(LAYOUT_KEY, 0, 4, 3, number, 0)
    )
    expected += words(0x20003, 0, 8, 10, 64, 48) + words(0x20004, 0, 8, 11, 30000, 1001)
    assert FORMAT.choices()[index] == words(8 + len(expected), 15, 0x40003, 3) + expected
    assert len(FORMAT.choices()) == 2


def test_it_needs_buffers_of_one_block_and_a_header() -> None:
    buffers, header = FORMAT.needs()
    expected = words(1, 0, 28, 19, 1, 0, 4, 4, 8, 3, 32, 0) + words(2, 0, 4, 4, 1, 0)
    expected += words(3, 0, 4, 4, 64 * 48 * 3 // 2, 0) + words(4, 0, 4, 4, 64, 0)
    expected += words(6, 0, 20, 19, 4, 0, 4, 4, 6, 0)
    assert buffers == words(8 + len(expected), 15, 0x40004, 5) + expected
    assert header == words(56, 15, 0x40005, 6, 1, 0, 4, 3, 1, 0, 2, 0, 4, 4, 32, 0)


@pytest.mark.parametrize("wrapped", [False, True], ids=["plain", "choice of one"])
@pytest.mark.parametrize(
    ("number", "layout", "stride", "size_bytes"),
    [(2, "i420", 64, 64 * 48 * 3 // 2), (4, "yuy2", 128, 64 * 48 * 2)],
)
def test_the_chosen_format_says_how_large_a_picture_is(
    number: int, layout: PixelLayout, stride: int, size_bytes: int, wrapped: bool
) -> None:
    value = words(20, 19, 0, 0, 4, 3, number, 0) if wrapped else words(4, 3, number, 0)
    body = words(1, 0, 4, 3, 2, 0) + words(LAYOUT_KEY, 0) + value + words(7, 0, 4, 4, 9, 0)
    chosen = FORMAT.chosen(words(8 + len(body), 15, 0x40003, 4) + body)
    assert chosen == VideoFormat((64, 48), FORMAT.rate, PixelFormat(layout, "bt601"))
    assert (chosen.stride, chosen.size_bytes) == (stride, size_bytes)
