from pathlib import Path

import cv2
import numpy as np
import pytest

from livebg.compose.blur import BlurPlate
from livebg.compose.plates import GreyPlate, MovingPlate, Plate, StillPlate
from livebg.config.blur import PLAIN_BLUR
from livebg.errors import InputError, LivebgError, UsageError
from livebg.runtime.backdrop import open_backdrop
from livebg.types import Frame, Image
from tests.clips import number_of, write_clip
from tests.mattes import frame_of, noise_frame

FRAME = noise_frame((64, 48))
NOBODY = np.zeros((6, 8), np.float32)


def rendered(spec: str, frame: Frame = FRAME) -> Image:
    plate = open_backdrop(spec)
    assert isinstance(plate, Plate)
    try:
        return plate.render(frame, NOBODY).copy()
    finally:
        plate.close()


@pytest.mark.parametrize("spec", ["transparent", "none"])
def test_some_are_no_plate(spec: str) -> None:
    assert open_backdrop(spec) == spec
    assert open_backdrop(spec.upper()) == spec


@pytest.mark.parametrize(
    ("spec", "colour"),
    [
        ("white", (255, 255, 255)),
        ("White", (255, 255, 255)),
        ("color:#ff8000", (0, 128, 255)),
        ("color:ff8000", (0, 128, 255)),
        ("COLOUR:#Ff8000", (0, 128, 255)),
        ("color:#000000", (0, 0, 0)),
    ],
)
def test_colours_are_red_green_blue(spec: str, colour: tuple[int, int, int]) -> None:
    assert (rendered(spec) == colour).all()


@pytest.mark.parametrize("spec", ["gray", "grey", "GRAY"])
def test_gray_is_the_room_without_colour(spec: str) -> None:
    assert isinstance(open_backdrop(spec), GreyPlate)
    assert np.ptp(rendered(spec), axis=2).max() == 0


@pytest.mark.parametrize(
    ("spec", "strength"),
    [
        ("blur", PLAIN_BLUR),
        ("BLUR", PLAIN_BLUR),
        ("blur:0", 0),
        ("blur:100", 100),
        ("blur:37.5", 37.5),
        ("blur: 20 ", 20),
    ],
)
def test_a_blur_has_a_strength(spec: str, strength: float) -> None:
    expected = BlurPlate(strength).render(FRAME, NOBODY)
    assert np.array_equal(rendered(spec), expected)


@pytest.mark.parametrize("name", ["room.png", "room.jpg", "ROOM.PNG", "white: a wall.png"])
def test_a_picture_covers_the_frame(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    cv2.imwrite(str(path), np.full((30, 90, 3), (200, 100, 50), np.uint8))
    assert isinstance(open_backdrop(str(path)), StillPlate)
    # JPEG may be a level or two off.
    assert np.abs(rendered(str(path)).astype(int) - (200, 100, 50)).max() <= 3


def test_a_path_may_begin_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cv2.imwrite(str(tmp_path / "room.png"), np.full((30, 90, 3), 77, np.uint8))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert (rendered("~/room.png") == 77).all()


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv", "FILM.MOV"])
def test_a_video_plays(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    write_clip(path, count=4)
    plate = open_backdrop(str(path))
    assert isinstance(plate, MovingPlate)
    seen = [
        # The fake frames are 40 ms apart, as the video's.
        number_of(plate.render(frame_of(FRAME.image, index), NOBODY))
        for index in range(6)
    ]
    plate.close()
    assert seen == [0, 1, 2, 3, 0, 1]


@pytest.mark.parametrize(
    ("spec", "sentence"),
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
        ("/nowhere/room.png", "background '/nowhere/room.png' is neither a file nor one of"),
        ("~nobody-of-that-name/room.png", "neither a file nor one of"),
        ("x" * 5000, "neither a file nor one of"),
        ("room\0.png", "neither a file nor one of"),
    ],
)
def test_what_is_no_background_is_refused(spec: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence) as caught:
        open_backdrop(spec)
    assert caught.value.exit_status == 2


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("empty.png", b"", r"empty\.png: the file is empty"),
        ("note.png", b"only text", r"note\.png: this is not a picture"),
        ("empty.mp4", b"", r"empty\.mp4: the file is empty"),
        ("note.mp4", b"only text", r"note\.mp4"),
        ("note.gif", b"GIF89a", r"note\.gif"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(
    tmp_path: Path, name: str, content: bytes, sentence: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=sentence) as caught:
        open_backdrop(str(path))
    assert caught.value.exit_status == 2


@pytest.mark.parametrize("name", ["folder", "folder.mp4"])
def test_a_folder_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(InputError, match="this is a folder"):
        open_backdrop(str(tmp_path / name))


def test_nothing_at_all_is_refused() -> None:
    with pytest.raises(LivebgError) as caught:
        open_backdrop("")
    assert caught.value.exit_status == 2
