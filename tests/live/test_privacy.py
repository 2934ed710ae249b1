from dataclasses import replace

import numpy as np
import pytest

from livebg.clock import ManualClock
from livebg.errors import ModelError
from livebg.frame import BGR, Composite, Frame, Image, PixelFormat
from livebg.live.privacy import PrivacyGuard
from livebg.pixels.conversion import converted
from tests.support.fakes import SIZE, scene, shows_room, without_room

HEIGHT, WIDTH = SIZE[1], SIZE[0]


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
    for holder, private in (("nobody", True), ("user", True), ("camera", False)):
        guard.reveal(holder)
        assert guard.filter(composite).private == private


def test_the_card_tells_the_reason(guard: PrivacyGuard) -> None:
    guard.conceal("camera", "The camera is lost")
    lost = guard.card().image
    assert np.array_equal(guard.card().image, lost)
    assert not np.array_equal(guard.card("livebg has stopped").image, lost)
    assert not shows_room(lost)


def test_the_card_is_opaque_for_sinks_with_alpha(clock: ManualClock) -> None:
    card = PrivacyGuard(SIZE, max_age_s=1, clock=clock, channels=4).card().image
    assert card.shape == (HEIGHT, WIDTH, 4)
    assert (card[..., 3] == 255).all()


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((10, 10, 3), np.uint8),
        np.zeros((HEIGHT, WIDTH), np.uint8),
        np.zeros((HEIGHT, WIDTH, 2), np.uint8),
        np.zeros((HEIGHT, WIDTH, 3), np.float32),
    ],
    ids=["size", "grey", "channels", "float"],
)
def test_what_is_no_picture_of_the_frame_is_refused(
    guard: PrivacyGuard, composite: Composite, frame: Frame, image: Image
) -> None:
    with pytest.raises(ModelError, match="privacy card"):
        guard.accept(replace(composite, image=image), frame)
    with pytest.raises(ModelError, match="answered frame 3 with frame 2"):
        guard.accept(replace(composite, index=2), frame)


def test_the_frame_itself_passes_only_where_the_user_asked_for_it(
    clock: ManualClock, composite: Composite, frame: Frame
) -> None:
    guard = PrivacyGuard(SIZE, max_age_s=0.5, clock=clock, raw_allowed=True)
    waiting = guard.accept(replace(composite, image=frame.image), frame)
    assert guard.filter(waiting).image is frame.image
    guard.configure(max_age_s=0.5, channels=3, raw_allowed=False)
    assert guard.filter(waiting).private
    following = replace(frame, index=frame.index + 1)
    for view in (frame.image, frame.image[:, ::-1]):
        with pytest.raises(ModelError, match="unfiltered"):
            guard.accept(replace(composite, image=view, index=following.index), following)
    filtered = guard.accept(replace(composite, index=following.index), following)
    assert guard.filter(filtered) is filtered


def test_a_picture_in_the_format_of_its_sinks_passes(
    guard: PrivacyGuard, composite: Composite, frame: Frame
) -> None:
    i420 = PixelFormat("i420", "bt601")
    made = replace(composite, image=converted(composite.image, BGR, i420), pixel_format=i420)
    assert guard.filter(guard.accept(made, frame)) is made
    with pytest.raises(ModelError, match="privacy card"):
        guard.accept(replace(made, pixel_format=PixelFormat("yuy2", "bt601")), frame)


def test_another_size_of_source_is_fitted_with_bars(clock: ManualClock, frame: Frame) -> None:
    guard = PrivacyGuard((96, 48), max_age_s=0.5, clock=clock)
    alpha = np.full((HEIGHT, WIDTH), 7, np.uint8)
    composite = Composite(without_room(frame), frame.index, frame.captured_ns, alpha)
    fitted = guard.accept(composite, frame)
    assert fitted.size == (96, 48)
    assert not fitted.image[:, :16].any() and not fitted.image[:, 80:].any()
    assert np.array_equal(fitted.image[:, 16:80], composite.image)
    assert fitted.alpha is not None and fitted.alpha.shape == (48, 96)
