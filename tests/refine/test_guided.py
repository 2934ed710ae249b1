import numpy as np
import pytest

from livebg.refine.guided import fit_linear, with_coefficients
from livebg.source.synthetic import SyntheticScene
from livebg.types import Box, FloatImage, Frame, Size
from tests.mattes import disc, frame_of, full_alpha, noise_frame, noise_matte, plain_matte, shrunk


def grey_noise(size: Size = (60, 40)) -> FloatImage:
    return np.random.default_rng(0).uniform(0, 1, (size[1], size[0])).astype(np.float32)


def bright_disc(size: Size, softness: float = 0.01) -> tuple[Frame, FloatImage]:
    """A bright disc in a dark room and its alpha."""
    alpha = disc(size, (size[0] / size[1] / 2, 0.55), 0.3, softness)
    level = np.rint(200 * alpha + 50 * (1 - alpha)).astype(np.uint8)
    return frame_of(np.dstack([level] * 3)), alpha


def test_an_exactly_linear_alpha_is_recovered() -> None:
    grey = grey_noise()
    gain, offset = fit_linear(grey, 0.6 * grey + 0.1, radius_px=2, epsilon=1e-8)
    # Single precision, of sums of 25 squares.
    np.testing.assert_allclose(gain, 0.6, atol=1e-5)
    np.testing.assert_allclose(offset, 0.1, atol=1e-5)
    assert gain.dtype == offset.dtype == np.float32
    assert gain.flags.c_contiguous
    assert offset.flags.c_contiguous


def test_a_linear_alpha_may_change_from_place_to_place() -> None:
    """Far from the change, each side has its own line."""
    grey = grey_noise()
    alpha = np.where(np.arange(60) < 30, 0.6 * grey + 0.1, -0.4 * grey + 0.5).astype(np.float32)
    gain, _ = fit_linear(grey, alpha, radius_px=2, epsilon=1e-8)
    np.testing.assert_allclose(gain[:, :24], 0.6, atol=1e-4)
    np.testing.assert_allclose(gain[:, 36:], -0.4, atol=1e-4)


def test_where_the_picture_is_flat_the_alpha_is_averaged() -> None:
    alpha = grey_noise()
    gain, offset = fit_linear(np.full_like(alpha, 0.5), alpha, radius_px=1, epsilon=1e-4)
    # The variance of a flat picture is 0 but for rounding: 1e-7 against an epsilon of 1e-4.
    assert np.abs(gain).max() < 1e-2
    assert (gain * 0.5 + offset).std() < 0.5 * alpha.std()


@pytest.mark.parametrize("epsilon", [1e-6, 1e-4, 1e-2])
def test_epsilon_flattens(epsilon: float) -> None:
    """He et al. 2013, eq. 5: the slope shrinks by var / (var + epsilon)."""
    grey = grey_noise((200, 150))
    gain, _ = fit_linear(grey, grey, radius_px=20, epsilon=epsilon)
    # The variance of 0..1 is 1/12; over windows of 1,681 samples it varies by a few per cent.
    expected = (1 / 12) / (1 / 12 + epsilon)
    np.testing.assert_allclose(gain[30:-30, 30:-30].mean(), expected, rtol=5e-3)


@pytest.mark.parametrize("size", [(320, 180), (180, 320), (333, 190)])
def test_a_plain_matte_gets_the_frames_own_edge(size: Size) -> None:
    frame, truth = bright_disc(size)
    coarse = plain_matte(shrunk(truth, (size[0] // 4, size[1] // 4)), frame)
    refined = with_coefficients(coarse, frame)
    blurred, sharp = (np.abs(full_alpha(m, frame) - truth).mean() for m in (coarse, refined))
    assert refined.gain.max() > 0.5
    assert sharp < blurred / 4


def test_a_drawn_person_with_hair_gets_a_better_matte() -> None:
    scene = SyntheticScene((640, 360), frame_count=1)
    frame, truth = scene.read(), scene.truth(0) / 255
    coarse = plain_matte(shrunk(truth, (128, 72)), frame)
    refined = with_coefficients(coarse, frame)
    blurred, sharp = (np.abs(full_alpha(m, frame) - truth).mean() for m in (coarse, refined))
    assert sharp < 0.9 * blurred


def test_a_box_is_guided_by_its_own_part_of_the_frame() -> None:
    whole, truth = bright_disc((320, 180))
    image = np.full((360, 640, 3), 50, np.uint8)
    image[100:280, 200:520] = whole.image
    frame, box = frame_of(image), Box(200, 100, 520, 280)
    refined = with_coefficients(plain_matte(shrunk(truth, (80, 45)), frame, box), frame)
    assert refined.box == box
    assert np.abs(full_alpha(refined, frame)[100:280, 200:520] - truth).mean() < 2e-3


def test_a_matte_that_has_coefficients_is_left_alone() -> None:
    frame = noise_frame((64, 48))
    matte = noise_matte(frame)
    assert with_coefficients(matte, frame) is matte


def test_the_rest_of_the_matte_is_kept() -> None:
    frame, truth = bright_disc((320, 180))
    matte = plain_matte(shrunk(truth, (80, 45)), frame)
    before = matte.offset.copy()
    refined = with_coefficients(matte, frame)
    assert refined.coarse is matte.coarse
    assert (refined.frame_index, refined.origin) == (frame.index, "inferred")
    assert np.array_equal(matte.offset, before)


@pytest.mark.parametrize("size", [(1, 1), (2, 30), (16, 9)])
def test_tiny_mattes_are_fitted_too(size: Size) -> None:
    frame = noise_frame((64, 48))
    refined = with_coefficients(plain_matte(np.full((size[1], size[0]), 0.7), frame), frame)
    np.testing.assert_allclose(refined.small_alpha(frame), 0.7, atol=1e-4)
