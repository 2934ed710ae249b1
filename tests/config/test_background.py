from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from livebg.config.background import (
    Background,
    Blur,
    Colour,
    Grey,
    Picture,
    Transparent,
    Unfiltered,
    Video,
    parse_background,
)
from livebg.config.settings import Settings
from livebg.errors import InputError, UsageError


@pytest.mark.parametrize(
    ("text", "background"),
    [
        ("blur", Blur(50)),
        ("BLUR", Blur(50)),
        ("Blur:0", Blur(0)),
        ("blur:37.5", Blur(37.5)),
        ("blur: 100 ", Blur(100)),
        ("White", Colour(255, 255, 255)),
        ("color:#ff8000", Colour(0, 128, 255)),
        ("color:ff8000", Colour(0, 128, 255)),
        ("COLOUR:#Ff8000", Colour(0, 128, 255)),
        ("gray", Grey()),
        ("grey", Grey()),
        ("GRAY", Grey()),
        ("Transparent", Transparent()),
        (" none ", Unfiltered()),
        ("NONE", Unfiltered()),
    ],
)
def test_words_are_read_in_upper_and_lower_case(text: str, background: Background) -> None:
    assert parse_background(text) == background
    assert parse_background(str(background)) == background


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("room.png", Picture),
        ("ROOM.JPG", Picture),
        ("white: a wall.png", Picture),
        ("film.mp4", Video),
        ("FILM.MOV", Video),
        ("cat.gif", Video),
    ],
)
def test_a_file_is_a_picture_or_a_video(
    tmp_path: Path, name: str, kind: type[Picture | Video]
) -> None:
    path = tmp_path / name
    path.touch()
    assert parse_background(str(path)) == kind(path)
    assert str(kind(path)) == str(path)


def test_a_path_may_begin_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "room.png").touch()
    assert parse_background("~/room.png") == Picture(tmp_path / "room.png")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("blur:101", "background 'blur:101': the strength of a blur is a number from 0 to 100"),
        ("blur:-1", "a number from 0 to 100"),
        ("blur:strong", "a number from 0 to 100"),
        ("blur:", "a number from 0 to 100"),
        ("blur:nan", "a number from 0 to 100"),
        ("blur:inf", "a number from 0 to 100"),
        ("color:red", "background 'color:red': a colour is written as six hexadecimal digits"),
        ("color:#12345", "six hexadecimal digits, for example color:#00ff00"),
        ("color:#1234567", "six hexadecimal digits"),
        ("color:", "six hexadecimal digits"),
        ("color", "six hexadecimal digits"),
        ("blurr", "background 'blurr' is neither a file nor one of blur, .*did you mean 'blur'"),
        ("wite", "did you mean 'white'"),
        ("white:3", "neither a file nor one of"),
        ("none:1", "neither a file nor one of"),
        ("", "neither a file nor one of"),
        ("/nowhere/room.png", "background '/nowhere/room.png' is neither a file nor one of"),
        ("~nobody-of-that-name/room.png", "neither a file nor one of"),
        ("x" * 5000, "neither a file nor one of"),
        ("room\0.png", "neither a file nor one of"),
    ],
)
def test_what_is_no_background_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence) as caught:
        parse_background(text)
    assert caught.value.exit_status == 2


@pytest.mark.parametrize("name", ["folder", "folder.mp4"])
def test_a_folder_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(InputError, match="this is a folder"):
        parse_background(str(tmp_path / name))


def test_a_file_that_may_not_be_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "room.png"
    path.touch()
    # Root may read everything, so that a test cannot lock a file.
    monkeypatch.setattr("livebg.config.background.os.access", lambda path, mode: False)
    with pytest.raises(InputError, match=r"room\.png': the file may not be read"):
        parse_background(str(path))


def test_only_none_shows_the_room_and_only_transparent_cuts_out() -> None:
    texts = ["blur", "white", "gray", "color:#00ff00", "transparent", "none"]
    kinds = [parse_background(text) for text in texts]
    assert [str(kind) for kind in kinds if kind.shows_room] == ["none"]
    assert [str(kind) for kind in kinds if kind.transparent] == ["transparent"]


def test_a_blur_is_changed_within_its_range() -> None:
    assert [Blur(95).changed(10), Blur(5).changed(-10)] == [Blur(100), Blur(0)]
    assert Blur(50).changed(-10) == Blur(40)


def test_a_kind_of_ones_own_is_a_background() -> None:
    @dataclass(frozen=True)
    class Stripes(Background):
        width_px: int

    assert Settings(background=Stripes(8)).background == Stripes(8)
    with pytest.raises(NotImplementedError, match=r"Stripes\.open"):
        Stripes(8).open()
