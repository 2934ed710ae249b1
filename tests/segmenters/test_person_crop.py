from itertools import pairwise

import numpy as np
import pytest

from livebg.clock import NS_PER_S
from livebg.frame import Box, FloatImage, Frame, FramePyramid, Size
from livebg.segmenters.person_crop import PersonBox, aspects_of, person_extent

FRAME: Size = (1280, 720)
WHOLE = Box.whole(FRAME)


def alpha_of(person: Box, looked_at: Box = WHOLE, size: Size = (256, 144)) -> FloatImage:
    """What a network that looks at a box sees of a rectangular person."""
    x = looked_at.left + (np.arange(size[0]) + 0.5) * looked_at.width / size[0]
    y = looked_at.top + (np.arange(size[1]) + 0.5) * looked_at.height / size[1]
    inside_x = (x > person.left) & (x < person.right)
    inside_y = (y > person.top) & (y < person.bottom)
    return (inside_y[:, None] & inside_x).astype(np.float32)


def look(follower: PersonBox, person: Box | None, *, at_s: float = 0.0) -> Box:
    """Let the network find a rectangular person, or nobody, in the box."""
    box = follower.box
    extent = None if person is None else person_extent(alpha_of(person, box), box)
    return follower.follow(extent, round(at_s * NS_PER_S))


def settle(follower: PersonBox, person: Box, times: int = 3) -> Box:
    for _ in range(times):
        look(follower, person)
    return follower.box


PEOPLE = [
    Box(500, 300, 760, 720),
    Box(0, 300, 200, 720),
    Box(1100, 0, 1280, 300),
    Box(600, 340, 660, 400),
]


@pytest.mark.parametrize("person", PEOPLE)
def test_the_extent_is_the_persons_to_a_pixel_of_the_matte(person: Box) -> None:
    extent = person_extent(alpha_of(person), WHOLE)
    assert extent is not None
    # A pixel of the matte is 5 frame pixels wide; erosion takes one and the box gives it back.
    for found, true in zip(
        (extent.left, extent.top, extent.right, extent.bottom),
        (person.left, person.top, person.right, person.bottom),
        strict=True,
    ):
        assert abs(found - true) <= 10


def test_specks_are_nobody() -> None:
    alpha = np.zeros((144, 256), np.float32)
    alpha[::9, ::9] = 1
    assert person_extent(alpha, WHOLE) is None
    assert person_extent(np.zeros_like(alpha), WHOLE) is None


@pytest.mark.parametrize("person", PEOPLE)
def test_the_box_holds_the_person_within_the_frame(person: Box) -> None:
    box = settle(PersonBox(FRAME), person)
    assert box.holds(person)
    assert WHOLE.holds(box)
    assert box.width * box.height < 0.8 * FRAME[0] * FRAME[1]


@pytest.mark.parametrize("size", [(640, 360), (1283, 717), (720, 1280), (100, 40)])
def test_any_size_of_frame_has_its_boxes(size: Size) -> None:
    follower = PersonBox(size)
    whole = Box.whole(size)
    person = Box(0.4 * size[0], 0.4 * size[1], 0.6 * size[0], 0.9 * size[1])
    for _ in range(3):
        alpha = alpha_of(person, follower.box)
        follower.follow(person_extent(alpha, follower.box), 0)
    assert follower.box.holds(person)
    assert whole.holds(follower.box)


def test_a_box_has_one_of_the_shapes_that_networks_are_compiled_for() -> None:
    box = settle(PersonBox(FRAME), PEOPLE[0])
    nearest = min(aspects_of(FRAME), key=lambda aspect: abs(aspect - box.width / box.height))
    # Both sides are rounded up to 16 pixels, of some 500.
    assert box.width / box.height == pytest.approx(nearest, rel=0.07)


def test_a_box_does_not_follow_small_movements() -> None:
    follower = PersonBox(FRAME)
    box = settle(follower, PEOPLE[0])
    for shift in (-8, 5, 8, -3):
        person = Box(500 + shift, 300, 760 + shift, 720)
        assert look(follower, person) == box


def test_a_person_who_comes_near_the_rim_gets_another_box_at_once() -> None:
    follower = PersonBox(FRAME)
    box = settle(follower, PEOPLE[0])
    moved = Box(box.right - 270, 300, box.right - 10, 720)
    assert look(follower, moved).holds(moved)
    assert follower.box != box


def test_a_box_that_cuts_somebody_off_is_noticed() -> None:
    follower = PersonBox(FRAME)
    box = settle(follower, PEOPLE[0])
    assert not follower.cuts_off(person_extent(alpha_of(PEOPLE[0], box), box), box)
    reaching_out = Box(600, 400, box.right + 100, 500)
    cut = np.maximum(alpha_of(PEOPLE[0], box), alpha_of(reaching_out, box))
    assert follower.cuts_off(person_extent(cut, box), box)


def test_a_person_at_the_frames_own_edge_or_nobody_is_not_cut_off() -> None:
    follower = PersonBox(FRAME)
    box = settle(follower, PEOPLE[1])
    assert not follower.cuts_off(person_extent(alpha_of(PEOPLE[1], box), box), box)
    assert not follower.cuts_off(None, box)


def test_somebody_who_sways_gets_a_box_that_holds_both_ends() -> None:
    follower = PersonBox(FRAME)
    moves = 0
    for step in range(120):
        at_s = step / 30
        shift = 150 * np.sin(2 * np.pi * at_s / 1.5)
        before = follower.box
        look(follower, Box(500 + shift, 300, 760 + shift, 720), at_s=at_s)
        moves += at_s > 1.5 and follower.box != before
    assert follower.box.holds(Box(350, 300, 910, 720))
    assert moves == 0


def test_a_box_that_became_too_large_shrinks_after_a_while() -> None:
    follower = PersonBox(FRAME)
    large = settle(follower, Box(450, 300, 800, 720))
    small = PEOPLE[3]
    assert look(follower, small, at_s=10.0) == large
    assert look(follower, small, at_s=10.5) == large
    assert look(follower, small, at_s=11.5).width < large.width


@pytest.mark.parametrize("person", [Box(20, 10, 1260, 720), Box(100, 0, 1200, 720)])
def test_somebody_who_fills_the_picture_is_seen_whole(person: Box) -> None:
    assert settle(PersonBox(FRAME), person) == WHOLE


def test_without_a_person_or_after_reset_the_whole_frame_is_looked_at() -> None:
    follower = PersonBox(FRAME)
    settle(follower, PEOPLE[0])
    assert look(follower, None) == WHOLE
    settle(follower, PEOPLE[0])
    follower.reset()
    assert follower.box == WHOLE


def room(visitor: Box | None = None, *, at_s: float = 0.0) -> FramePyramid:
    image = np.full((720, 1280, 3), 90, np.uint8)
    if visitor is not None:
        image[int(visitor.top) : int(visitor.bottom), int(visitor.left) : int(visitor.right)] = 220
    return FramePyramid(Frame(image, 0, round(at_s * NS_PER_S)))


def test_somebody_who_comes_in_beside_the_box_is_searched_for_and_held() -> None:
    follower = PersonBox(FRAME)
    settle(follower, PEOPLE[0])
    assert not any(follower.must_search(room(at_s=0.1 * step)) for step in range(15))
    visitor = Box(100, 200, 300, 720)
    assert follower.must_search(room(visitor, at_s=1.5))
    both = np.maximum(alpha_of(PEOPLE[0]), alpha_of(visitor))
    assert follower.found(both).holds(Box(100, 200, 760, 720))


def test_searches_for_what_stirs_are_a_second_apart() -> None:
    follower = PersonBox(FRAME)
    settle(follower, PEOPLE[0])
    visitor = Box(100, 200, 300, 720)
    flicker = [None, visitor] * 30
    searched = [
        step / 10
        for step, shown in enumerate(flicker)
        if follower.must_search(room(shown, at_s=step / 10))
    ]
    assert len(searched) >= 3
    assert min(after - before for before, after in pairwise(searched)) >= 1.0


def test_what_stirs_in_the_box_needs_no_search() -> None:
    follower = PersonBox(FRAME)
    settle(follower, PEOPLE[0])
    follower.must_search(room())
    assert not any(follower.must_search(room(PEOPLE[0], at_s=0.1 * step)) for step in range(35))


def test_now_and_then_it_searches_anyway() -> None:
    follower = PersonBox(FRAME)
    settle(follower, PEOPLE[0])
    searches = sum(follower.must_search(room(at_s=step / 10)) for step in range(600))
    # Every four seconds of a minute.
    assert 13 <= searches <= 15


def test_while_the_whole_frame_is_seen_there_is_nothing_to_search() -> None:
    follower = PersonBox(FRAME)
    assert not follower.must_search(room())
    assert not follower.must_search(room(PEOPLE[1], at_s=9.0))
