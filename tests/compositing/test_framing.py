from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from livebg.compositing.framing import AutoFraming, busts_of, mirrored, reframed, window_of
from livebg.frame import Box, FloatImage, Frame, FramePyramid, Image, Size
from tests.support.mattes import disc, full_alpha, noise_matte, plain_matte

PICTURE: Image = np.random.default_rng(3).integers(0, 256, (72, 128, 3), np.uint8)


def test_a_picture_and_its_matte_are_turned_together() -> None:
    frame = Frame(PICTURE, 7, 11)
    alpha = np.random.default_rng(4).random((9, 16), np.float32)
    matte = replace(plain_matte(alpha, frame), box=Box(10, 5, 50, 72))
    shown, turned = mirrored(frame, matte)
    assert np.array_equal(shown.image, PICTURE[:, ::-1])
    assert (shown.index, shown.captured_ns) == (7, 11)
    assert turned.box == Box(78, 5, 118, 72)
    found = turned.alpha_over(FramePyramid(shown), (64, 36))
    assert found == pytest.approx(
        matte.alpha_over(FramePyramid(frame), (64, 36))[:, ::-1], abs=1e-6
    )


def test_turning_twice_gives_what_was_there() -> None:
    frame = Frame(PICTURE, 7, 11)
    labels = np.arange(144, dtype=np.uint8).reshape(9, 16)
    matte = replace(plain_matte(np.eye(9, 16, dtype=np.float32), frame), labels=labels)
    shown, turned = mirrored(*mirrored(frame, matte))
    assert np.array_equal(shown.image, frame.image)
    assert turned.box == matte.box
    for name in ("gain", "offset", "coarse", "labels"):
        plane = getattr(turned, name)
        assert np.array_equal(plane, getattr(matte, name))
        assert plane.flags.c_contiguous


SIZE: Size = (320, 180)
WINDOW = Box(60.3, 40.7, 60.3 + 200.4, 40.7 + 112.725)


def picture() -> Image:
    """Soft blobs, so that interpolation has something to agree on."""
    noise = np.random.default_rng(0).integers(0, 256, (SIZE[1], SIZE[0], 3), np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 3), np.uint8)


def test_the_whole_frame_is_left_alone() -> None:
    frame = Frame(picture(), 3, 5)
    matte = noise_matte(frame)
    shown, moved = reframed(frame, matte, Box.whole(SIZE))
    assert shown is frame
    assert moved is matte


def test_a_window_is_what_an_affine_warp_shows() -> None:
    image = picture()
    step = WINDOW.width / SIZE[0]
    way = np.array(
        [[step, 0, WINDOW.left + step / 2 - 0.5], [0, step, WINDOW.top + step / 2 - 0.5]]
    )
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    expected = cv2.warpAffine(image, way, SIZE, flags=flags)
    difference = np.abs(window_of(image, WINDOW).astype(int) - expected)
    # The bilinear shift takes a little off the blobs' tops.
    assert difference.max() <= 3
    assert image.std() > 5


@pytest.mark.parametrize("shift_px", [0.0, 0.25, 0.5, 0.75, 1.0])
def test_fractions_of_a_pixel_count(shift_px: float) -> None:
    """A ramp shows where it was read: four levels a pixel."""
    levels = np.clip(4 * np.arange(SIZE[0]) - 120, 0, 255).astype(np.uint8)
    shown = window_of(np.tile(levels, (SIZE[1], 1)), Box(20 + shift_px, 10, 180 + shift_px, 100))
    # Columns 50 to 89 of the result are centred 35 pixels into the window; levels are rounded.
    assert shown[90, 50:90].mean() == pytest.approx(4 * (20 + shift_px + 35 - 0.5) - 120, abs=0.5)


def blurred(plane: FloatImage) -> FloatImage:
    return np.asarray(cv2.blur(plane, (9, 9)), np.float32)


@pytest.mark.parametrize(
    "box", [None, Box(40, 30, 290, 170), Box(100, 60, 150, 100), Box(0, 50, 120.5, 180)]
)
def test_the_matte_is_that_of_what_is_shown(box: Box | None) -> None:
    """In a frame of one colour the magnified alpha is the alpha, magnified."""
    frame = Frame(np.full((SIZE[1], SIZE[0], 3), 90, np.uint8), 7, 11)
    matte = noise_matte(frame, (40, 24), box)
    matte = replace(matte, gain=blurred(matte.gain), offset=blurred(matte.offset))
    shown, moved = reframed(frame, matte, WINDOW)
    assert (shown.index, shown.captured_ns, shown.size) == (7, 11, SIZE)
    assert (moved.frame_index, moved.captured_ns) == (7, 11)
    scale = SIZE[0] / WINDOW.width
    columns = WINDOW.left + (np.arange(SIZE[0]) + 0.5) / scale - 0.5
    rows = WINDOW.top + (np.arange(SIZE[1]) + 0.5) / scale - 0.5
    before, found = full_alpha(matte, frame), full_alpha(moved, shown)
    expected = before[np.rint(rows).astype(int)][:, np.rint(columns).astype(int)]
    # The nearest pixel is up to half a pixel off, and the box is cut within one of its edge.
    assert np.quantile(np.abs(found - expected), 0.97) < 0.05
    assert (found > 0).mean() == pytest.approx((expected > 0).mean(), abs=0.02)
    assert expected.std() > 0.05


def test_where_the_window_shows_nothing_of_the_matte_there_is_nobody() -> None:
    frame = Frame(picture(), 3, 5)
    matte = plain_matte(np.ones((9, 16)), frame, Box(0, 0, 30, 30))
    shown, moved = reframed(frame, matte, WINDOW)
    assert not full_alpha(moved, shown).any()
    assert moved.box == Box.whole(SIZE)


def test_a_window_at_the_corner_reaches_the_picture_s_own_edge() -> None:
    image = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    image[-20:, -20:] = 255
    shown = window_of(image, Box(160, 90, 320, 180))
    assert (shown[-30:, -30:] == 255).all()
    assert (shown[:100] == 0).all()


AUTO_FRAMING_SIZE: Size = (1280, 720)
SMALL: Size = (160, 90)
WHOLE = Box.whole(AUTO_FRAMING_SIZE)
RATES = [15, 30, 60]


def person(x: float, top: float, head: float, arms: float = 0.0) -> FloatImage:
    """Head, shoulders and, with ``arms``, one stretched up and one out. Shares of the height."""
    middle_y = top + 0.65 * head
    alpha = disc(SMALL, (x, middle_y), 0.0, 1.0) * 0
    grid_x = (np.arange(SMALL[0]) + 0.5) / SMALL[1]
    grid_y = ((np.arange(SMALL[1]) + 0.5) / SMALL[1])[:, None]
    alpha[((grid_x - x) / (head / 2)) ** 2 + ((grid_y - middle_y) / (0.65 * head)) ** 2 < 1] = 1
    alpha[(abs(grid_x - x) < 0.25 * head) & (grid_y > middle_y)] = 1
    shoulders = top + 1.6 * head
    alpha[((grid_x - x) / (1.3 * head)) ** 2 + ((grid_y - shoulders) / (0.3 * head)) ** 2 < 1] = 1
    alpha[(abs(grid_x - x) < 1.3 * head) & (grid_y > shoulders)] = 1
    if arms:
        raised = (abs(grid_x - x - 1.1 * head) < 0.15 * head) & (grid_y > top - arms)
        alpha[raised & (grid_y < shoulders + 0.3 * head)] = 1
        alpha[(abs(grid_y - shoulders) < 0.15 * head) & (grid_x < x) & (grid_x > x - 4 * head)] = 1
    return alpha


def show(
    framing: AutoFraming,
    alpha: FloatImage,
    seconds: float,
    *,
    rate: float = 30,
    start_s: float = 0.0,
) -> list[Box]:
    busts = busts_of(alpha, AUTO_FRAMING_SIZE)
    times = start_s + np.arange(round(seconds * rate)) / rate
    return [framing.update(busts, AUTO_FRAMING_SIZE, round(time * 1e9)) for time in times]


def edges(box: Box) -> np.ndarray:
    return np.array([box.left, box.top, box.right, box.bottom])


NOBODY = np.zeros(SMALL[::-1], np.float32)


def test_nobody_has_no_bust_and_a_speck_is_nobody() -> None:
    speck = NOBODY.copy()
    speck[40:44, 80:84] = 1
    assert busts_of(NOBODY, AUTO_FRAMING_SIZE) is busts_of(speck, AUTO_FRAMING_SIZE) is None


@pytest.mark.parametrize("x", [0.5, 0.9, 1.3])
@pytest.mark.parametrize("head", [0.12, 0.2, 0.3])
def test_a_bust_is_head_and_shoulders(x: float, head: float) -> None:
    bust = busts_of(person(x, 0.2, head), AUTO_FRAMING_SIZE)
    assert bust is not None
    # The limits are in small pixels: 8 of the frame's to each.
    assert (bust.left + bust.right) / 2 == pytest.approx(x * 720, abs=12)
    assert bust.top == pytest.approx(0.2 * 720, abs=16)
    assert 2.2 * head * 720 < bust.width < 3.2 * head * 720
    assert 1.8 * head * 720 < bust.height < 3.2 * head * 720


def test_arms_do_not_count() -> None:
    calm, waving = (
        busts_of(person(0.9, 0.3, 0.2, arms), AUTO_FRAMING_SIZE) for arms in (0.0, 0.25)
    )
    assert calm is not None
    assert waving is not None
    assert np.abs(edges(calm) - edges(waving)).max() < 0.1 * calm.width


def test_everybody_counts() -> None:
    left, right = person(0.4, 0.3, 0.15), person(1.4, 0.2, 0.15)
    both = busts_of(np.maximum(left, right), AUTO_FRAMING_SIZE)
    one, other = busts_of(left, AUTO_FRAMING_SIZE), busts_of(right, AUTO_FRAMING_SIZE)
    assert both is not None
    assert one is not None
    assert other is not None
    assert (both.left, both.right) == (one.left, other.right)
    assert (both.top, both.bottom) == (other.top, max(one.bottom, other.bottom))


@pytest.mark.parametrize("x", [0.5, 0.9, 1.2])
@pytest.mark.parametrize("head", [0.12, 0.2])
def test_the_head_comes_to_the_upper_third(x: float, head: float) -> None:
    window = show(AutoFraming(100), person(x, 0.25, head), 5.0)[-1]
    head_middle = (0.25 + 0.65 * head) * 720
    assert 0.2 < (head_middle - window.top) / window.height < 0.45
    if 1.6 * 0.25 < x < 1.1:
        assert abs(x * 720 - (window.left + window.right) / 2) < 0.08 * window.width


@pytest.mark.parametrize("head", [0.1, 0.2, 0.3])
@pytest.mark.parametrize("place", [(0.1, 0.0), (0.9, 0.3), (1.7, 0.7)])
def test_the_window_keeps_shape_and_stays_inside(place: tuple[float, float], head: float) -> None:
    for window in show(AutoFraming(100), person(*place, head), 4.0):
        assert window.width / window.height == pytest.approx(16 / 9, rel=1e-6)
        assert min(window.left, window.top) >= 0
        assert window.right <= 1280
        assert window.bottom <= 720


def test_strength_is_zoom() -> None:
    alpha = person(0.9, 0.3, 0.15)
    zooms = [1280 / show(AutoFraming(s), alpha, 5.0)[-1].width for s in (0, 25, 50, 75, 100)]
    assert zooms[0] == 1
    assert zooms == sorted(set(zooms))
    assert 1.5 < zooms[-1] <= 2.5
    # Half the strength is half the way, as the eye counts it.
    assert zooms[2] == pytest.approx(zooms[-1] ** 0.5, rel=1e-3)


def test_two_people_both_stay_in_the_picture() -> None:
    alpha = np.maximum(person(0.5, 0.3, 0.15), person(1.2, 0.35, 0.15))
    window = show(AutoFraming(100), alpha, 5.0)[-1]
    assert window.left < (0.5 - 0.15) * 720
    assert window.right > (1.2 + 0.15) * 720
    assert window.width < 1280


def test_the_first_look_makes_no_jump() -> None:
    windows = show(AutoFraming(100), person(0.6, 0.3, 0.15), 1.0)
    assert windows[0] == WHOLE
    steps = np.abs(np.diff([edges(w) for w in windows], axis=0)).max(axis=1)
    assert steps[0] < 6
    assert steps.max() < 60


@pytest.mark.parametrize("rate", RATES)
def test_the_way_does_not_depend_on_the_frame_rate(rate: int) -> None:
    """Within 1 % of the width: the first goal is the same, later ones are set a frame apart."""
    alpha = person(0.6, 0.3, 0.15)
    finely = show(AutoFraming(80), alpha, 3.0, rate=240)
    for at, window in enumerate(show(AutoFraming(80), alpha, 3.0, rate=rate)):
        same = finely[at * 240 // rate]
        assert np.abs(edges(window) - edges(same)).max() < 0.01 * 1280


def test_small_movements_move_nothing() -> None:
    framing = AutoFraming(100)
    still = show(framing, person(0.9, 0.3, 0.15), 5.0)[-1]
    swayed = show(framing, person(0.9 + 0.02, 0.31, 0.15), 3.0, start_s=5.0)[-1]
    assert np.abs(edges(still) - edges(swayed)).max() < 1.0


def test_somebody_who_moves_over_is_followed_without_overshoot() -> None:
    framing = AutoFraming(100)
    show(framing, person(0.6, 0.3, 0.15), 5.0)
    windows = show(framing, person(1.1, 0.3, 0.15), 5.0, start_s=5.0)
    middles = np.array([(w.left + w.right) / 2 for w in windows])
    assert (np.diff(middles) >= -1e-6).all()
    assert middles[-1] == pytest.approx(1.1 * 720, abs=0.06 * windows[-1].width)


def test_an_empty_chair_is_shown_for_a_while_and_then_slowly_the_whole_room() -> None:
    framing = AutoFraming(100)
    before = show(framing, person(0.9, 0.3, 0.15), 5.0)[-1]
    gone = show(framing, NOBODY, 15.0, start_s=5.0)
    assert np.abs(edges(gone[round(1.8 * 30)]) - edges(before)).max() < 2
    arriving = show(AutoFraming(100), person(0.9, 0.3, 0.15), 2.0)
    quickest_in = np.abs(np.diff([w.width for w in arriving])).max()
    quickest_out = np.abs(np.diff([w.width for w in gone])).max()
    assert quickest_out < 0.5 * quickest_in
    assert gone[-1] == WHOLE


def test_a_short_look_away_of_the_network_moves_nothing() -> None:
    framing = AutoFraming(100)
    alpha = person(0.9, 0.3, 0.15)
    before = show(framing, alpha, 5.0)[-1]
    lost = show(framing, NOBODY, 0.5, start_s=5.0)
    found = show(framing, alpha, 1.0, start_s=5.5)
    for window in lost + found:
        assert np.abs(edges(window) - edges(before)).max() < 2


def test_switched_off_it_goes_back_and_rests() -> None:
    framing = AutoFraming(100)
    alpha = person(0.9, 0.3, 0.15)
    show(framing, alpha, 3.0)
    framing.strength = 0
    assert not framing.at_rest
    windows = show(framing, alpha, 15.0, start_s=3.0)
    assert windows[0] != WHOLE
    assert windows[-1] == WHOLE
    assert framing.at_rest


def test_a_gap_in_time_is_no_jump() -> None:
    """A camera that was away for an hour."""
    framing = AutoFraming(100)
    show(framing, person(0.6, 0.3, 0.15), 1 / 30)
    (window,) = show(framing, person(1.1, 0.3, 0.15), 1 / 30, start_s=3600.0)
    assert np.isfinite(edges(window)).all()
    assert window.width > 640
