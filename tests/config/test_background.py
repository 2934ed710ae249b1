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
    ("texts", "background"),
    [
        (["blur", "BLUR"], Blur(50)),
        (["Blur:0"], Blur(0)),
        (["blur:37.5", "blur: 37.5 "], Blur(37.5)),
        (["White", "color:#ffffff"], Colour(255, 255, 255)),
        (["color:#ff8000", "color:ff8000", "COLOUR:#Ff8000"], Colour(0, 128, 255)),
        (["gray", "grey", "GRAY"], Grey()),
        (["Transparent"], Transparent()),
        ([" none ", "NONE"], Unfiltered()),
    ],
)
def test_words_are_read_in_upper_and_lower_case(texts: list[str], background: Background) -> None:
    for text in (*texts, str(background)):
        assert parse_background(text) == background
    assert background.shows_room == isinstance(background, Unfiltered)
    assert background.transparent == isinstance(background, Transparent)


@pytest.mark.parametrize(
    ("kind", "names"),
    [(Picture, ["ROOM.JPG", "white: a wall.png"]), (Video, ["film.mp4", "FILM.MOV", "cat.gif"])],
)
def test_a_file_is_a_picture_or_a_video(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: type[Picture | Video],
    names: list[str],
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    for path in (tmp_path / name for name in names):
        path.touch()
        assert parse_background(str(path)) == parse_background(f"~/{path.name}") == kind(path)
        assert str(kind(path)) == str(path)


@pytest.mark.parametrize(
    ("texts", "sentence"),
    [
        (["blur:101"], "background 'blur:101': the strength of a blur is a number from 0 to 100"),
        (["blur:-1", "blur:strong", "blur:", "blur:nan"], "a number from 0 to 100"),
        (["color:red"], "background 'color:red': a colour is written as six hexadecimal digits"),
        (["color:#12345", "color:#1234567", "color"], "six hexadecimal digits, for example"),
        (["blurr"], "background 'blurr' is neither a file nor one of blur, .*did you mean 'blur'"),
        (["white:3", "", "/nowhere/room.png", "~no-such-user/room.png"], "neither a file nor one"),
        (["x" * 5000, "room\0.png"], "neither a file nor one of"),
    ],
)
def test_what_is_no_background_is_refused(texts: list[str], sentence: str) -> None:
    for text in texts:
        with pytest.raises(UsageError, match=sentence) as caught:
            parse_background(text)
        assert caught.value.exit_status == 2


def test_a_folder_and_a_file_that_may_not_be_read_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="this is a folder"):
        parse_background(str(tmp_path))
    path = tmp_path / "room.png"
    path.touch()
    # Root may read everything, so that a test cannot lock a file.
    monkeypatch.setattr("livebg.config.background.os.access", lambda path, mode: False)
    with pytest.raises(InputError, match=r"room\.png': the file may not be read"):
        parse_background(str(path))


def test_a_kind_of_ones_own_is_a_background() -> None:
    @dataclass(frozen=True)
    class Stripes(Background):
        width_px: int

    assert Settings(background=Stripes(8)).background == Stripes(8)
    with pytest.raises(NotImplementedError, match=r"Stripes\.open"):
        Stripes(8).open()
