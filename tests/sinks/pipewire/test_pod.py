"""Pods against bytes written by hand from the format's description."""

from __future__ import annotations

import struct
from fractions import Fraction

import pytest

from livebg.frame import PixelFormat, PixelLayout
from livebg.sinks.pipewire.pod import (
    VideoFormat,
    flags_pod,
    fraction_pod,
    id_pod,
    int_pod,
    int_range_pod,
    object_pod,
    read_ids,
    rectangle_pod,
)


def words(*numbers: int) -> bytes:
    return struct.pack(f"={len(numbers)}I", *numbers)


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        (id_pod(2), words(4, 3, 2, 0)),
        (int_pod(-1), words(4, 4, 0xFFFFFFFF, 0)),
        (rectangle_pod((1280, 720)), words(8, 10, 1280, 720)),
        (fraction_pod(Fraction(30000, 1001)), words(8, 11, 30000, 1001)),
        (int_range_pod(8, 3, 32), words(28, 19, 1, 0, 4, 4, 8, 3, 32, 0)),
        (flags_pod(6), words(20, 19, 4, 0, 4, 4, 6, 0)),
    ],
    ids=["id", "int", "rectangle", "fraction", "range", "flags"],
)
def test_a_value_is_its_size_its_type_and_its_padded_body(pod: bytes, expected: bytes) -> None:
    assert pod == expected


def test_an_object_holds_its_properties_in_order() -> None:
    pod = object_pod(0x40003, 3, {1: id_pod(2), 0x20003: rectangle_pod((64, 48))})
    assert pod == words(56, 15, 0x40003, 3) + (
        words(1, 0, 4, 3, 2, 0) + words(0x20003, 0, 8, 10, 64, 48)
    )


def test_enumerations_are_read_back_also_from_choices() -> None:
    chosen = words(20, 19, 0, 0, 4, 3, 5, 0)
    pod = object_pod(0x40003, 4, {1: id_pod(2), 2: int_pod(9), 7: chosen, 8: id_pod(6)})
    assert read_ids(pod) == {1: 2, 7: 5, 8: 6}


@pytest.mark.parametrize("length", range(8, 64))
def test_a_pod_that_breaks_off_ends_the_reading(length: int) -> None:
    pod = object_pod(0x40003, 4, {1: id_pod(2), 7: rectangle_pod((64, 48)), 8: id_pod(6)})
    assert read_ids(pod[:length]).items() <= {1: 2, 8: 6}.items()


def test_what_is_no_object_has_no_properties() -> None:
    assert read_ids(int_range_pod(8, 3, 32)) == {}


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
