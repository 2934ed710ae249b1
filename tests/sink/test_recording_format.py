from fractions import Fraction
from pathlib import Path

import pytest

from livebg.errors import InputError
from livebg.sink.recording_format import choose_format, time_base


@pytest.mark.parametrize(
    ("name", "transparent", "codec", "pixels"),
    [
        ("a.mp4", False, "libx264", "yuv420p"),
        ("a.MKV", False, "libx264", "yuv420p"),
        ("a.mov", False, "libx264", "yuv420p"),
        ("a.webm", False, "libvpx-vp9", "yuv420p"),
        ("a.webm", True, "libvpx-vp9", "yuva420p"),
        ("a.mov", True, "prores_ks", "yuva444p10le"),
    ],
)
def test_the_ending_chooses(name: str, transparent: bool, codec: str, pixels: str) -> None:
    form = choose_format(Path(name), transparent=transparent)
    assert (form.codec, form.pixels) == (codec, pixels)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_transparency_needs_a_format_that_holds_it(name: str) -> None:
    with pytest.raises(InputError, match=r"holds no transparency, use \.webm, \.mov or a folder"):
        choose_format(Path(name), transparent=True)


@pytest.mark.parametrize("name", ["a", "a.avi", "a.png"])
def test_unknown_endings_are_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"use \.mp4, \.mkv, \.webm, \.mov"):
        choose_format(Path(name))


@pytest.mark.parametrize(
    "rate", [Fraction(25), Fraction(24_000, 1001), Fraction(60_000, 1001), Fraction(150_528, 6359)]
)
def test_frames_at_their_nominal_times_fall_on_ticks(rate: Fraction) -> None:
    tick = time_base(rate)
    assert (1 / rate / tick).denominator == 1
    assert tick <= Fraction(1, 90_000)


def test_an_odd_rate_does_not_make_ticks_absurdly_fine() -> None:
    assert time_base(Fraction(29_999_999, 1_000_003)) == Fraction(1, 90_000)
