from fractions import Fraction

import numpy as np
import pytest

from livebg.sources.synthetic import SyntheticScene


def test_frames_are_the_figure_over_the_room_with_exactly_the_truth() -> None:
    scene = SyntheticScene((160, 120), frame_count=8)
    for frame in scene:
        alpha = scene.truth(frame.index)
        assert alpha.shape == (120, 160)
        assert np.array_equal(frame.image[alpha == 0], scene.room[alpha == 0])
        # What the room leaves of the picture must be a colour: alpha * F = I - (1 - alpha) * B.
        share = alpha[..., None] / 255
        rest = frame.image - (1 - share) * scene.room
        assert rest.min() >= -0.5 - 1e-6  # rounding
        assert (rest - 255 * share).max() <= 0.5 + 1e-6


def test_the_figure_is_a_person_of_plausible_size_with_soft_hair() -> None:
    alpha = SyntheticScene((640, 360)).truth(0)
    assert 0.2 < (alpha > 250).mean() < 0.5
    assert (alpha < 5).mean() > 0.2
    hair = alpha[: 360 * 4 // 10]
    assert ((hair > 5) & (hair < 250)).mean() > 0.01


def test_the_same_arguments_give_the_same_pixels_in_any_order() -> None:
    first, second = (SyntheticScene((128, 96), seed=5) for _ in range(2))
    later = second.truth(3)
    for _ in range(3):
        first.read()
    assert np.array_equal(first.truth(3), later)
    assert np.array_equal(first.read().image, [second.read() for _ in range(4)][3].image)
    assert not np.array_equal(first.room, SyntheticScene((128, 96), seed=6).room)


def test_motion_moves_and_stillness_does_not() -> None:
    lively, still = SyntheticScene((128, 96)), SyntheticScene((128, 96), motion=0)
    assert not np.array_equal(lively.truth(0), lively.truth(20))
    assert np.array_equal(still.truth(0), still.truth(20))


def test_the_figure_never_shows_where_its_drawing_ends() -> None:
    """Leaning over, it still reaches the picture's bottom edge in one piece."""
    scene = SyntheticScene((160, 120), motion=1.0)
    for index in range(0, 120, 10):
        solid = scene.truth(index)[-1] > 250
        assert np.count_nonzero(np.diff(solid.astype(np.int8))) == 2


def test_times_follow_the_frame_rate() -> None:
    scene = SyntheticScene((64, 64), Fraction(25), 3)
    assert [frame.captured_ns for frame in scene] == [0, 40_000_000, 80_000_000]


def test_a_scene_too_small_to_draw_is_refused() -> None:
    with pytest.raises(ValueError, match="not 63x64"):
        SyntheticScene((63, 64))
