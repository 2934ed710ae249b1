from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from livebg.compositing.text import privacy_card
from livebg.frame import BGR, Composite, PixelFormat
from livebg.sinks import base as repacking
from livebg.sinks.base import agreed_format, flatten, repacked
from livebg.sinks.null import NullSink
from tests.support.mattes import noise_frame


def _bgra(alpha: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.full((4, 6, 4), (200, 100, 50, alpha), np.uint8)


def test_the_plate_shows_through_transparent_pixels_and_the_room_does_not() -> None:
    plate = noise_frame((6, 4)).image
    assert flatten(plate) is plate
    clear = _bgra(0)
    assert not flatten(clear).any()
    assert np.array_equal(flatten(clear, plate), plate)
    assert np.array_equal(clear, _bgra(0))
    assert np.array_equal(flatten(_bgra(255), plate), _bgra(255)[..., :3])


def test_half_transparent_pixels_are_half_of_each() -> None:
    plate = np.full((4, 6, 3), 20, np.uint8)
    exact = np.array((200, 100, 50)) * 128 / 255 + 20 * 127 / 255
    # The two products are rounded one by one.
    assert np.abs(flatten(_bgra(128), plate)[0, 0] - exact).max() <= 1


I420 = PixelFormat("i420", "bt601")
NV12 = PixelFormat("nv12", "bt709")
RGB = PixelFormat("rgb")


class Wanting(NullSink):
    def __init__(self, pixel_format: PixelFormat | None) -> None:
        super().__init__()
        self.pixel_format = pixel_format  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("wanted", "agreed"),
    [
        ([], BGR),
        ([None], BGR),
        ([I420], I420),
        ([I420, None, I420], I420),
        ([I420, NV12], BGR),
        ([I420, BGR], BGR),
        ([RGB], RGB),
    ],
)
def test_sinks_agree_or_get_bgr(wanted: list[PixelFormat | None], agreed: PixelFormat) -> None:
    assert agreed_format(map(Wanting, wanted)) == agreed


def bgr(size: tuple[int, int] = (8, 6)) -> Composite:
    return Composite(noise_frame(size).image, 0, 0)


@pytest.mark.parametrize("pixel_format", [BGR, RGB, I420, NV12])
def test_a_picture_that_needs_no_change_is_the_composites_own(pixel_format: PixelFormat) -> None:
    image = np.zeros(pixel_format.shape((8, 6)), np.uint8)
    composite = Composite(image, 0, 0, pixel_format=pixel_format)
    assert repacked(composite, pixel_format) is image


def test_there_and_back() -> None:
    grey = Composite(np.full((6, 8, 3), 90, np.uint8), 0, 0)
    packed = Composite(repacked(grey, NV12), 0, 0, pixel_format=NV12)
    assert packed.size == (8, 6)
    back = repacked(packed, BGR)
    # Luma has 219 levels for 255.
    assert np.abs(back.astype(int) - 90).max() <= 1


@pytest.mark.parametrize(("pixel_format", "size"), [(I420, (8, 6)), (RGB, (9, 7))])
def test_an_odd_column_and_row_are_left_out_only_where_they_must_be(
    pixel_format: PixelFormat, size: tuple[int, int]
) -> None:
    found = repacked(bgr((9, 7)), pixel_format)
    assert pixel_format.fits(found)
    assert pixel_format.size(found) == size
    assert found.flags.c_contiguous


def test_transparent_pixels_stay_so_in_bgr_and_are_black_elsewhere() -> None:
    image = np.full((6, 8, 4), (200, 100, 50, 0), np.uint8)
    composite = Composite(image, 0, 0)
    assert repacked(composite, BGR) is image
    assert not repacked(composite, RGB).any()
    assert (repacked(composite, I420)[:6] == 16).all()


def test_a_card_waits_for_no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    def compile_for_seconds(*arguments: object) -> None:
        raise AssertionError("a card was converted by compiled code")

    card = Composite(privacy_card((65, 49), "Starting"), 0, 0, private=True)
    exact = repacked(replace(card, private=False), I420)
    monkeypatch.setattr(repacking, "converted", compile_for_seconds)
    quick = repacked(card, I420)
    # OpenCV takes one of four pixels for the chroma, where the exact conversion takes their mean;
    # a card has next to no colour.
    assert np.abs(quick.astype(int) - exact).max() <= 2


def test_the_null_sink_counts() -> None:
    with NullSink() as sink:
        sink.send(bgr())
        sink.send(bgr())
    assert sink.count == 2
