import numpy as np
import pytest
import torch

from livebg.device.belief import Belief, only_if
from livebg.runtime.plausibility import Plausibility
from livebg.types import Frame
from tests.device.tensors import picture_of, planes_of
from tests.mattes import plain_matte
from tests.runtime.test_plausibility import MATTE, ROOM, Desk, cover, texture

LEANING_IN = [0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.4, 1.6]


class Both:
    """The host's judge and the device's, asked about the same mattes."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._host = Plausibility()
        self._belief = Belief(device)

    def believe(
        self, frame: Frame, alpha: np.ndarray[tuple[int, int], np.dtype[np.float32]]
    ) -> bool:
        matte = plain_matte(alpha, frame)
        verdict = self._belief.judge(
            planes_of(matte, self._device), picture_of(frame, self._device)
        )
        theirs = self._host.believes(matte, frame)
        assert float(verdict.sound) == 1
        assert bool(verdict.believed) == theirs
        assert float(verdict.claim) == pytest.approx(float((alpha > 0.4).mean()), abs=1e-6)
        return theirs


@pytest.fixture
def both(device: torch.device) -> Both:
    return Both(device)


def test_somebody_who_leans_in_is_believed(both: Both) -> None:
    desk = Desk()
    assert all(both.believe(desk.frame(n), cover(n, MATTE)) for n in LEANING_IN)


def test_a_network_that_claims_everything_from_the_start_is_not(both: Both) -> None:
    desk, all_of_it = Desk(), np.ones(MATTE[::-1], np.float32)
    assert not any(both.believe(desk.frame(0.4), all_of_it) for _ in range(5))


def test_a_network_that_breaks_later_is_not_while_the_room_is_seen(both: Both) -> None:
    desk, all_of_it = Desk(), np.ones(MATTE[::-1], np.float32)
    assert all(both.believe(desk.frame(0.4), cover(0.4, MATTE)) for _ in range(40))
    nearly = all_of_it.copy()
    nearly[:6] = 0
    answers = [both.believe(desk.frame(0.4), nearly) for _ in range(5)]
    assert not any(answers)
    assert both.believe(desk.frame(0.4), cover(0.4, MATTE))


def test_brightness_does_not_hide_the_room(both: Both) -> None:
    desk, nearly = Desk(), np.ones(MATTE[::-1], np.float32)
    nearly[:6] = 0
    assert all(both.believe(desk.frame(0.4), cover(0.4, MATTE)) for _ in range(40))
    assert not both.believe(desk.frame(0.4, light=0.8), nearly)


def test_another_room_is_learnt(both: Both) -> None:
    desk, other = Desk(), texture(9)
    for room in (ROOM, other):
        assert all(both.believe(desk.frame(0.4, room=room), cover(0.4, MATTE)) for _ in range(40))
    nearly = np.ones(MATTE[::-1], np.float32)
    nearly[:6] = 0
    assert not both.believe(desk.frame(0.4, room=other), nearly)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e5])
def test_values_of_no_matte_are_not_sound_and_leave_nobody(
    device: torch.device, value: float
) -> None:
    frame = Desk().frame(0.4)
    alpha = cover(0.4, MATTE)
    alpha[3, 3] = value
    planes = planes_of(plain_matte(alpha, frame), device)
    picture = picture_of(frame, device)
    verdict = Belief(device).judge(planes, picture)
    assert float(verdict.sound) == float(verdict.believed) == 0
    assert not only_if(verdict, planes).small_alpha(picture).any()


def test_nothing_is_learnt_from_what_is_not_believed(device: torch.device) -> None:
    desk, belief = Desk(), Belief(device)
    broken = np.full(MATTE[::-1], np.nan, np.float32)
    frames = [desk.frame(0.4) for _ in range(3)]
    good = planes_of(plain_matte(cover(0.4, MATTE), frames[0]), device)
    bad = planes_of(plain_matte(broken, frames[0]), device)
    for frame, planes, believed in zip(frames, (good, bad, good), (1, 0, 1), strict=True):
        assert float(belief.judge(planes, picture_of(frame, device)).believed) == believed
