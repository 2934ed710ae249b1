from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from livebg.frame import Box, FloatImage, Frame, FramePyramid, Image, Matte, Size
from livebg.matting.flow import FlowCarrier
from livebg.matting.refinement import smoothed
from tests.support.mattes import plain_matte, shrunk, texture

SIZE: Size = (320, 180)
MATTE: Size = (160, 90)
RATES = [15, 30, 60]
TAU_S = 0.25


ROOM = texture(1, SIZE, 8)
PERSON = texture(2, (100, 140), 8)


def at(left: float, plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """A plane of the person's size in the room, its left edge at ``left``."""
    way = np.array([[1, 0, left], [0, 1, 40]], np.float64)
    return np.asarray(cv2.warpAffine(plane, way, SIZE), np.float32)


def covered(left: float) -> FloatImage:
    return at(left, np.ones(PERSON.shape[:2], np.float32))


def picture(left: float, noise: NDArray[np.floating] | float = 0.0) -> Image:
    """A patterned person in a patterned room, its left edge at ``left``, on top of noise."""
    room = ROOM.astype(np.float32) * (1 - covered(left)[..., None])
    body = at(left, PERSON.astype(np.float32))
    return np.asarray(np.clip(room + body + noise, 0, 255), np.uint8)


def truth(left: float) -> FloatImage:
    """The person's alpha at the matte's size."""
    return shrunk(covered(left), MATTE)


def play(
    show: Callable[[float], Image],
    see: Callable[[float], FloatImage],
    seconds: float,
    *,
    rate: float = 30,
    tau_s: float = TAU_S,
) -> list[FloatImage]:
    """Smooth what a network sees at each time, as the pipeline does; return the alphas."""
    carrier = FlowCarrier(SIZE)
    alphas = []
    for index in range(round(seconds * rate)):
        frame = Frame(show(index / rate), index, round(index / rate * 1e9))
        matte = plain_matte(see(index / rate), frame)
        if carrier.anchor is not None:
            matte = smoothed(matte, carrier.carry(FramePyramid(frame)), 1 / rate, tau_s)
        carrier.set_anchor(FramePyramid(frame), matte)
        alphas.append(matte.coarse)
    return alphas


def flicker(alphas: list[FloatImage]) -> float:
    return float(np.abs(np.diff(alphas, axis=0)).mean())


def camera_noise(seed: int) -> Callable[[float], Image]:
    random = np.random.default_rng(seed)
    return lambda time_s: picture(110, random.normal(0, 3, (*SIZE[::-1], 3)))


def wavering(seed: int) -> Callable[[float], FloatImage]:
    """What a network without memory makes of noise: blobs of alpha that come and go."""
    random = np.random.default_rng(seed)
    still = truth(110)

    def see(time_s: float) -> FloatImage:
        blobs = random.normal(0, 0.25, (10, 18)).astype(np.float32)
        spread = cv2.resize(blobs, MATTE, interpolation=cv2.INTER_CUBIC)
        return np.asarray(np.clip(still + spread, 0, 1), np.float32)

    return see


def test_a_still_person_flickers_a_fifth_as_much() -> None:
    raw = play(camera_noise(0), wavering(0), 2.0, tau_s=1e-9)
    calm = play(camera_noise(0), wavering(0), 2.0)
    assert flicker(calm[10:]) < flicker(raw[10:]) / 5
    errors = [np.abs(np.array(alphas[10:]) - truth(110)).mean() for alphas in (raw, calm)]
    # What lies outside 0..1 was cut off before: the average stays away from both.
    assert errors[1] < 0.8 * errors[0]


def test_a_longer_time_constant_is_calmer() -> None:
    seen = [flicker(play(camera_noise(0), wavering(0), 2.0, tau_s=t)[10:]) for t in (0.1, 0.3, 1.0)]
    assert seen == sorted(seen, reverse=True)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("after_s", [0.2, 0.4, 0.8])
def test_a_change_has_come_as_far_after_the_same_time(rate: float, after_s: float) -> None:
    """The network finds a still person whom it had missed, and is half sure."""
    there = (truth(110) > 0.5).astype(np.float32)

    def see(time_s: float) -> FloatImage:
        return there * np.float32(0.5 if time_s > 0 else 0.0)

    alphas = play(lambda time_s: picture(110), see, 1.0, rate=rate)
    reached = alphas[round(after_s * rate)][there > 0].mean()
    # A half-sure network is averaged with the whole time constant.
    assert reached == pytest.approx(0.5 * (1 - np.exp(-after_s / TAU_S)), abs=0.01)


@pytest.mark.parametrize("rate", RATES)
def test_a_moving_edge_keeps_up(rate: float) -> None:
    """At one picture width in two seconds, it lags by less than a thirtieth of a second."""
    speed = 160.0

    def left(time_s: float) -> float:
        return 20 + speed * time_s

    alphas = play(lambda t: picture(left(t)), lambda t: truth(left(t)), 1.0, rate=rate)
    lags_s = []
    for index in range(round(0.3 * rate), len(alphas)):
        moved = alphas[index][45].sum() - truth(left(index / rate))[45].sum()
        assert abs(moved) < 4
        columns = np.arange(MATTE[0])
        middle = (alphas[index][45] * columns).sum() / alphas[index][45].sum()
        exact = truth(left(index / rate))[45]
        lags_s.append(2 * ((exact * columns).sum() / exact.sum() - middle) / speed)
    assert np.abs(lags_s).max() < 1 / 30


def test_what_is_uncovered_shows_no_ghost() -> None:
    """Somebody leaves within one frame."""

    def show(time_s: float) -> Image:
        return picture(110) if time_s < 0.5 else ROOM

    def see(time_s: float) -> FloatImage:
        return truth(110) if time_s < 0.5 else np.zeros(MATTE[::-1], np.float32)

    alphas = play(show, see, 0.7)
    first = alphas[15]
    inside = truth(110) > 0.99
    assert first[inside].mean() < 0.1
    # In a corner of the person, which the picture's border cuts, three pixels find a place in the
    # room that looks alike.
    assert np.count_nonzero(alphas[17] > 0.1) <= 3


def test_a_sure_network_is_followed_sooner() -> None:
    there = (truth(110) > 0.5).astype(np.float32)
    reached = []
    for level in (0.6, 1.0):
        alphas = play(
            lambda time_s: picture(110),
            lambda time_s, level=level: there * np.float32(level if time_s > 0 else 0),  # type: ignore[misc]
            0.2,
        )
        reached.append(alphas[3][there > 0].mean() / level)
    assert reached[1] > 1.3 * reached[0]


def test_mattes_of_different_parts_are_not_averaged() -> None:
    frame = Frame(picture(110), 0, 0)
    carrier = FlowCarrier(SIZE)
    carrier.set_anchor(FramePyramid(frame), plain_matte(truth(110), frame, Box(0, 0, 160, 90)))
    matte = plain_matte(truth(110), frame)
    assert smoothed(matte, carrier.carry(FramePyramid(frame)), 0.03, TAU_S) is matte


def test_the_result_is_plain_and_new() -> None:
    frame = Frame(picture(110), 0, 0)
    carrier = FlowCarrier(SIZE)
    carrier.set_anchor(FramePyramid(frame), plain_matte(truth(100), frame))
    matte: Matte = plain_matte(truth(110), frame)
    before = matte.coarse.copy()
    calm = smoothed(matte, carrier.carry(FramePyramid(frame)), 0.03, TAU_S)
    assert not calm.gain.any()
    assert np.array_equal(calm.offset, calm.coarse)
    assert calm.coarse.dtype == np.float32
    assert (calm.coarse >= 0).all()
    assert (calm.coarse <= 1).all()
    assert np.array_equal(matte.coarse, before)
