import logging
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from livebg.errors import ModelError
from livebg.frame import Box, FloatImage, Frame, FramePyramid, Image, Matte, Size
from livebg.matting.validation import MatteValidator, check_matte, empty_matte
from tests.support.mattes import full_alpha, plain_matte, texture

SIZE: Size = (320, 180)
MATTE: Size = (160, 90)
RATE = 30


ROOM, FACE = texture(1, SIZE, 12), texture(2, SIZE, 12)
EVERYTHING = np.ones(MATTE[::-1], np.float32)


def cover(nearness: float, size: Size) -> FloatImage:
    """Where somebody is: 0.4 is upright at a desk, 1 is the face all over the picture."""
    width, height = size
    x = (np.arange(width) + 0.5) / width - 0.5
    y = ((np.arange(height) + 0.5) / height - 0.6)[:, None]
    return ((x / nearness) ** 2 + (y / (1.2 * nearness)) ** 2 < 0.6).astype(np.float32)


class Desk:
    """A person at a desk, in front of a noisy camera, and the mattes of a network."""

    def __init__(self) -> None:
        self.validator = MatteValidator()
        self._random = np.random.default_rng(0)
        self._index = 0

    def frame(self, nearness: float, *, room: Image = ROOM, light: float = 1.0) -> Frame:
        person = cover(nearness, SIZE)[..., None]
        image = (FACE * person + room * (1 - person)) * light
        image += self._random.normal(0, 3, image.shape)
        index = self._index
        self._index += 1
        picture = np.asarray(np.clip(image, 0, 255), np.uint8)
        return Frame(picture, index, round(index / RATE * 1e9))

    def sees(
        self, nearness: float, alpha: FloatImage | None = None, *, box: Box | None = None,
        room: Image = ROOM, light: float = 1.0,
    ) -> bool:  # fmt: skip
        frame = self.frame(nearness, room=room, light=light)
        alpha = cover(nearness, MATTE) if alpha is None else alpha
        return self.validator.accepts(plain_matte(alpha, frame, box), FramePyramid(frame))

    def watches(self, nearnesses: Iterable[float], alpha: FloatImage | None = None) -> list[bool]:
        return [self.sees(nearness, alpha) for nearness in nearnesses]


@pytest.fixture
def desk() -> Desk:
    """Two seconds at the desk have been seen."""
    desk = Desk()
    assert all(desk.watches([0.4] * 60))
    return desk


@pytest.mark.parametrize("nearness", [0.0001, 0.4, 0.6, 0.7])
def test_ordinary_mattes_are_accepted_from_the_first(nearness: float) -> None:
    assert all(Desk().watches([nearness] * 10))


@pytest.mark.parametrize("level", [1.0, 0.7, 0.45])
def test_everything_from_the_start_is_rejected_for_ever(level: float) -> None:
    desk = Desk()
    assert not any(desk.watches([0.4] * 100, np.float32(level) * EVERYTHING))
    assert desk.validator.rejected == 100


@pytest.mark.parametrize("level", [1.0, 0.7, 0.45])
def test_a_network_that_breaks_is_rejected_until_it_works_again(desk: Desk, level: float) -> None:
    assert not any(desk.watches([0.4] * 100, np.float32(level) * EVERYTHING))
    assert all(desk.watches([0.4] * 10))


@pytest.mark.parametrize("share", [0.92, 0.95, 0.99])
def test_nearly_everything_is_rejected_while_the_room_is_to_be_seen(
    desk: Desk, share: float
) -> None:
    nearly = EVERYTHING.copy()
    nearly[:, : round((1 - share) * MATTE[0])] = 0
    assert not any(desk.watches([0.4] * 30, nearly))


def test_a_network_that_breaks_while_a_person_is_near_is_rejected(desk: Desk) -> None:
    assert all(desk.watches(np.linspace(0.4, 0.6, 10)))
    assert not any(desk.watches([0.6] * 100, EVERYTHING))


def test_a_network_that_slowly_covers_everything_is_rejected_in_the_end(
    desk: Desk,
) -> None:
    for nearness in np.linspace(0.4, 1.2, 30):
        desk.sees(0.4, cover(nearness, MATTE))
    assert not any(desk.watches([0.4] * 100, EVERYTHING))


def test_everything_in_the_box_is_rejected_too(desk: Desk) -> None:
    """A network that looks at a part of the frame can only claim that part."""
    box = Box(80, 0, 240, 180)
    assert not any(desk.sees(0.4, EVERYTHING, box=box) for _ in range(30))


@pytest.mark.parametrize("steps", [4, 10, 30, 90])
def test_leaning_in_is_accepted_all_the_way_and_back(desk: Desk, steps: int) -> None:
    """From an eighth of a second to three: the first is a lunge."""
    nearer = np.linspace(0.4, 1.2, steps + 1)[1:]
    assert all(desk.watches(nearer))
    assert all(desk.watches([1.2] * 60))
    assert all(desk.watches(nearer[::-1]))


def test_leaning_in_is_accepted_when_the_camera_opens_up(desk: Desk) -> None:
    for nearness in np.linspace(0.4, 1.2, 15):
        assert desk.sees(nearness, light=1 + 0.5 * (nearness - 0.4))


def test_leaning_in_at_once_is_accepted_after_sitting_back(desk: Desk) -> None:
    assert not any(desk.watches([1.2] * 5))
    assert all(desk.watches([0.7, 0.9, 1.0, 1.2, 1.2]))


def test_another_room_all_of_it_person_is_rejected(desk: Desk) -> None:
    other = texture(9, SIZE, 12)
    assert not any(desk.sees(0.4, EVERYTHING, room=other) for _ in range(30))


def test_light_switched_on_makes_no_room_a_person(desk: Desk) -> None:
    assert all(desk.watches(np.linspace(0.4, 0.6, 10)))
    assert not any(desk.sees(0.6, EVERYTHING, light=1.3) for _ in range(30))


def test_a_person_whom_the_network_had_missed_is_shown_once_it_finds_them(
    desk: Desk,
) -> None:
    nobody = np.zeros_like(EVERYTHING)
    for _ in range(300):
        assert desk.sees(0.4, nobody)
    assert all(desk.watches([0.4] * 30))


def test_a_reset_forgets_what_was_accepted(desk: Desk) -> None:
    assert all(desk.watches(np.linspace(0.4, 1.2, 15)))
    rejected = desk.validator.rejected
    desk.validator.reset()
    assert not desk.sees(1.2)
    assert desk.validator.rejected == rejected + 1


def test_a_run_of_rejections_is_logged_once(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        desk.watches([0.4] * 10, EVERYTHING)
        desk.sees(0.4)
        desk.watches([0.4] * 10, EVERYTHING)
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 2
    assert "100 % of frame 60" in caplog.text


def test_an_empty_matte_has_no_alpha() -> None:
    frame = Desk().frame(0.4)
    matte = plain_matte(EVERYTHING, frame, Box(80, 0, 240, 180))
    empty = empty_matte(replace(matte, gain=EVERYTHING))
    assert not full_alpha(empty, frame).any()
    assert (empty.box, empty.frame_index) == (matte.box, matte.frame_index)


def _spoilt(matte: Matte, plane: str, value: float) -> Matte:
    values = getattr(matte, plane).copy()
    values[3, 5] = value
    return replace(matte, **{plane: values})


@pytest.mark.parametrize("plane", ["gain", "offset", "coarse"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
def test_values_that_no_matte_has_are_an_error(plane: str, value: float) -> None:
    frame = Desk().frame(0.4)
    matte = plain_matte(cover(0.4, MATTE), frame)
    check_matte(matte, frame)
    with pytest.raises(ModelError, match="frame 0 with values that are no alpha matte"):
        check_matte(_spoilt(matte, plane, value), frame)


def _planes(*shape: int) -> dict[str, Any]:
    return {"offset": np.zeros(shape, np.float32)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (_planes(90), "with planes of the shapes"),
        (_planes(90, 160, 1), "with planes of the shapes"),
        (_planes(45, 80), "with planes of the shapes"),
        (_planes(0, 0), "with planes of the shapes"),
        ({"box": Box(-1, 0, 320, 180)}, "of 320x180 with a matte of frame 0 for Box"),
        ({"box": Box(0, 0, 321, 180)}, "of 320x180 with a matte of frame 0 for Box"),
        ({"box": Box(9, 0, 9, 180)}, "of 320x180 with a matte of frame 0 for Box"),
        ({"box": Box(0, 0, np.nan, 180)}, "of 320x180 with a matte of frame 0 for Box"),
        ({"frame_index": 7}, r"frame 0 .* a matte of frame 7"),
    ],
)
def test_what_is_no_matte_of_the_frame_is_an_error(changes: dict[str, Any], message: str) -> None:
    frame = Desk().frame(0.4)
    with pytest.raises(ModelError, match=message):
        check_matte(replace(plain_matte(EVERYTHING, frame), **changes), frame)
