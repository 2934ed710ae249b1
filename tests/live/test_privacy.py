from dataclasses import replace

import numpy as np
import pytest

from livebg.clock import ManualClock
from livebg.errors import ModelError
from livebg.frame import BGR, Composite, Frame, PixelFormat
from livebg.live.privacy import PrivacyGuard
from livebg.pixels.conversion import converted
from tests.support.fakes import SIZE, scene, shows_room, without_room


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(start_ns=10**9)


@pytest.fixture
def guard(clock: ManualClock) -> PrivacyGuard:
    return PrivacyGuard(SIZE, max_age_s=0.5, clock=clock)


@pytest.fixture
def frame(clock: ManualClock) -> Frame:
    return Frame(scene(), 3, clock.now_ns())


@pytest.fixture
def composite(frame: Frame) -> Composite:
    return Composite(without_room(frame), frame.index, frame.captured_ns)


def test_a_fresh_composite_is_shown(guard: PrivacyGuard, composite: Composite) -> None:
    assert guard.filter(composite) is composite


def test_an_old_composite_becomes_the_card(
    guard: PrivacyGuard, composite: Composite, clock: ManualClock
) -> None:
    clock.advance(0.5)
    assert guard.filter(composite) is composite
    clock.advance(0.001)
    shown = guard.filter(composite)
    assert shown.private
    assert shown.captured_ns == clock.now_ns()


def test_where_pictures_take_long_to_make_the_last_one_stays_until_the_next(
    guard: PrivacyGuard, frame: Frame, composite: Composite, clock: ManualClock
) -> None:
    clock.advance(2.0)
    assert guard.filter(composite).private
    late = guard.accept(composite, frame)
    assert guard.filter(late) is composite
    clock.advance(4.0)
    assert guard.filter(late) is composite
    clock.advance(0.001)
    assert guard.filter(late).private


def test_one_late_picture_does_not_let_later_ones_grow_old(
    guard: PrivacyGuard, frame: Frame, composite: Composite, clock: ManualClock
) -> None:
    clock.advance(2.0)
    guard.accept(composite, frame)
    punctual = replace(frame, captured_ns=clock.now_ns())
    shown = guard.accept(replace(composite, captured_ns=punctual.captured_ns), punctual)
    clock.advance(0.501)
    assert guard.filter(shown).private


def test_the_card_stays_until_the_last_holder_lets_go(
    guard: PrivacyGuard, composite: Composite
) -> None:
    guard.conceal("camera", "The camera is lost")
    guard.conceal("user", "Paused")
    guard.reveal("user")
    assert guard.filter(composite).private
    guard.reveal("camera")
    assert not guard.filter(composite).private


def test_revealing_what_nobody_concealed_is_harmless(guard: PrivacyGuard) -> None:
    guard.reveal("user")
    assert not guard.concealed


def test_the_card_tells_the_reason(guard: PrivacyGuard) -> None:
    guard.conceal("camera", "The camera is lost")
    lost = guard.card().image
    assert np.array_equal(guard.card().image, lost)
    assert not np.array_equal(guard.card("livebg has stopped").image, lost)


def test_the_card_is_opaque_for_sinks_with_alpha(clock: ManualClock) -> None:
    card = PrivacyGuard(SIZE, max_age_s=1, clock=clock, channels=4).card().image
    assert card.shape == (SIZE[1], SIZE[0], 4)
    assert (card[..., 3] == 255).all()


def test_the_card_holds_no_camera_pixel(
    guard: PrivacyGuard, composite: Composite, frame: Frame
) -> None:
    guard.accept(composite, frame)
    assert not shows_room(guard.card().image)


def test_a_composite_of_another_frame_is_refused(
    guard: PrivacyGuard, composite: Composite, frame: Frame
) -> None:
    with pytest.raises(ModelError, match="answered frame 3 with frame 2"):
        guard.accept(replace(composite, index=2), frame)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((10, 10, 3), np.uint8),
        np.zeros((SIZE[1], SIZE[0]), np.uint8),
        np.zeros((SIZE[1], SIZE[0], 2), np.uint8),
        np.zeros((SIZE[1], SIZE[0], 3), np.float32),
    ],
    ids=["size", "grey", "channels", "float"],
)
def test_what_is_no_picture_of_the_frame_is_refused(
    guard: PrivacyGuard, composite: Composite, frame: Frame, image: np.ndarray
) -> None:
    with pytest.raises(ModelError, match="privacy card"):
        guard.accept(replace(composite, image=image), frame)


@pytest.mark.parametrize("view", [slice(None), slice(None, None, -1)], ids=["same", "mirrored"])
def test_the_frame_itself_is_refused(
    guard: PrivacyGuard, composite: Composite, frame: Frame, view: slice
) -> None:
    with pytest.raises(ModelError, match="unfiltered"):
        guard.accept(replace(composite, image=frame.image[:, view]), frame)


def test_the_frame_itself_may_pass_where_the_user_asked_for_it(
    clock: ManualClock, composite: Composite, frame: Frame
) -> None:
    guard = PrivacyGuard(SIZE, max_age_s=0.5, clock=clock, raw_allowed=True)
    assert guard.accept(replace(composite, image=frame.image), frame).image is frame.image


def test_a_picture_in_the_format_of_its_sinks_passes(
    guard: PrivacyGuard, composite: Composite, frame: Frame
) -> None:
    wanted = PixelFormat("i420", "bt601")
    image = converted(composite.image, BGR, wanted)
    made = replace(composite, image=image, pixel_format=wanted)
    assert guard.filter(guard.accept(made, frame)) is made
    with pytest.raises(ModelError, match="privacy card"):
        guard.accept(replace(made, pixel_format=PixelFormat("yuy2", "bt601")), frame)


def test_another_size_of_source_is_fitted_with_bars(clock: ManualClock, frame: Frame) -> None:
    guard = PrivacyGuard((96, 48), max_age_s=0.5, clock=clock)
    alpha = np.full((SIZE[1], SIZE[0]), 7, np.uint8)
    composite = Composite(without_room(frame), frame.index, frame.captured_ns, alpha)
    fitted = guard.accept(composite, frame)
    assert fitted.size == (96, 48)
    assert not fitted.image[:, :16].any() and not fitted.image[:, 80:].any()
    assert np.array_equal(fitted.image[:, 16:80], composite.image)
    assert fitted.alpha is not None and fitted.alpha.shape == (48, 96)


def test_changed_settings_are_expected(
    guard: PrivacyGuard, composite: Composite, clock: ManualClock
) -> None:
    guard.configure(max_age_s=2.0, channels=4, raw_allowed=False)
    clock.advance(1.0)
    assert guard.filter(composite) is composite
    assert guard.card().image.shape[2] == 4


def test_what_was_made_while_the_room_was_allowed_is_not_shown_once_it_is_not(
    clock: ManualClock, composite: Composite, frame: Frame
) -> None:
    guard = PrivacyGuard(SIZE, max_age_s=0.5, clock=clock, raw_allowed=True)
    waiting = guard.accept(replace(composite, image=frame.image), frame)
    assert shows_room(guard.filter(waiting).image)
    guard.configure(max_age_s=0.5, channels=3, raw_allowed=False)
    assert guard.filter(waiting).private
    following = replace(frame, index=frame.index + 1)
    filtered = guard.accept(replace(composite, index=following.index), following)
    assert guard.filter(filtered) is filtered
