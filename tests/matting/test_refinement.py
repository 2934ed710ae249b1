from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from livebg.errors import ModelError
from livebg.frame import Box, FloatImage, Frame, FramePyramid, Matte, Size
from livebg.matting.flow import FlowCarrier
from livebg.matting.refinement import Refinement, fit_linear, with_alpha_floor, with_coefficients
from tests.support.mattes import (
    disc,
    frame_of,
    full_alpha,
    noise_frame,
    noise_matte,
    plain_matte,
    shrunk,
)
from tests.support.scenes import SyntheticScene


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
    refined = with_coefficients(coarse, FramePyramid(frame))
    blurred, sharp = (np.abs(full_alpha(m, frame) - truth).mean() for m in (coarse, refined))
    assert refined.gain.max() > 0.5
    assert sharp < blurred / 4


def test_a_drawn_person_with_hair_gets_a_better_matte() -> None:
    scene = SyntheticScene((640, 360), frame_count=1)
    frame, truth = scene.read(), scene.truth(0) / 255
    coarse = plain_matte(shrunk(truth, (128, 72)), frame)
    refined = with_coefficients(coarse, FramePyramid(frame))
    blurred, sharp = (np.abs(full_alpha(m, frame) - truth).mean() for m in (coarse, refined))
    assert sharp < 0.9 * blurred


def test_a_box_is_guided_by_its_own_part_of_the_frame() -> None:
    whole, truth = bright_disc((320, 180))
    image = np.full((360, 640, 3), 50, np.uint8)
    image[100:280, 200:520] = whole.image
    frame, box = frame_of(image), Box(200, 100, 520, 280)
    coarse = plain_matte(shrunk(truth, (80, 45)), frame, box)
    refined = with_coefficients(coarse, FramePyramid(frame))
    assert refined.box == box
    assert np.abs(full_alpha(refined, frame)[100:280, 200:520] - truth).mean() < 2e-3


def test_a_matte_that_has_coefficients_is_left_alone() -> None:
    frame = noise_frame((64, 48))
    matte = noise_matte(frame)
    assert with_coefficients(matte, FramePyramid(frame)) is matte


def test_the_rest_of_the_matte_is_kept() -> None:
    frame, truth = bright_disc((320, 180))
    matte = plain_matte(shrunk(truth, (80, 45)), frame)
    before = matte.offset.copy()
    refined = with_coefficients(matte, FramePyramid(frame))
    assert refined.coarse is matte.coarse
    assert (refined.frame_index, refined.origin) == (frame.index, "inferred")
    assert np.array_equal(matte.offset, before)


@pytest.mark.parametrize("size", [(1, 1), (2, 30), (16, 9)])
def test_tiny_mattes_are_fitted_too(size: Size) -> None:
    frame = noise_frame((64, 48))
    flat = plain_matte(np.full((size[1], size[0]), 0.7), frame)
    refined = with_coefficients(flat, FramePyramid(frame))
    np.testing.assert_allclose(refined.small_alpha(FramePyramid(frame)), 0.7, atol=1e-4)


_FRAME = FramePyramid(Frame(np.full((16, 16, 3), 120, np.uint8), 0, 0))


def _flat_matte(alpha: float) -> Matte:
    plane = np.full((4, 4), alpha, np.float32)
    return plain_matte(plane, _FRAME.frame)


def test_a_smudge_of_five_per_cent_disappears_and_a_person_stays_whole() -> None:
    assert with_alpha_floor(_flat_matte(0.05)).small_alpha(_FRAME).max() == 0
    # 1e-6: two float32 roundings of values near 1.
    assert with_alpha_floor(_flat_matte(1.0)).small_alpha(_FRAME).min() >= 1 - 1e-6


def test_the_edge_band_along_a_person_stays_as_it_is() -> None:
    alpha = np.tile(np.linspace(1, 0, 8, dtype=np.float32), (9, 1))
    alpha = np.hstack([alpha, np.full((9, 24), 0.05, np.float32)])
    matte = plain_matte(alpha, _FRAME.frame)
    after = with_alpha_floor(matte).small_alpha(_FRAME)
    # Within two pixels of an alpha of a half nothing is taken; the mean over 3x3 pixels that ends
    # there reaches one pixel further in.
    np.testing.assert_allclose(after[:, :5], alpha[:, :5], atol=1e-6)
    assert (np.diff(after, axis=1) <= 1e-6).all()
    assert after[:, 12:].max() == 0


def test_coefficients_and_coarse_alpha_agree() -> None:
    grey = 120 / 255
    matte = _flat_matte(0.5)
    linear = replace(matte, gain=matte.gain + 1, offset=matte.offset - np.float32(grey))
    cleaned = with_alpha_floor(linear)
    np.testing.assert_allclose(cleaned.small_alpha(_FRAME), cleaned.coarse, atol=1e-5)


def _with_smudge(left: int, smudge: float) -> Matte:
    """A person on the left, and something with an alpha of ``smudge`` from column ``left`` on."""
    alpha = np.zeros((90, 160), np.float32)
    alpha[20:, :50] = 1
    alpha[60:80, left : left + 20] = smudge
    return plain_matte(alpha, _FRAME.frame)


def test_low_alpha_far_from_people_is_a_thing_in_the_background() -> None:
    after = with_alpha_floor(_with_smudge(120, 0.35)).small_alpha(_FRAME)
    assert after[:, 60:].max() == 0
    assert after[20:, :50].min() >= 1 - 1e-6


def test_a_blurred_hand_and_a_second_person_stay() -> None:
    after = with_alpha_floor(_with_smudge(56, 0.35)).small_alpha(_FRAME)
    # The floor of six per cent is subtracted there too.
    assert after[62:78, 58:66].min() > 0.28
    after = with_alpha_floor(_with_smudge(120, 0.9)).small_alpha(_FRAME)
    assert after[62:78, 122:138].min() > 0.88


SIZE: Size = (320, 180)
SMALL: Size = (160, 90)


class Bench:
    """A still scene, seen again and again."""

    def __init__(self, *, recurrent: bool = False) -> None:
        self.scene = SyntheticScene(SIZE, frame_count=1, motion=0.0)
        self.image = self.scene.read().image
        self.carrier = FlowCarrier(SIZE)
        self.refinement = Refinement(self.carrier, recurrent=recurrent, smoothing_s=0.25)
        self._index = 0

    @property
    def truth(self) -> FloatImage:
        return shrunk(self.scene.truth(0) / 255, SMALL)

    def next_frame(self) -> Frame:
        frame = Frame(self.image, self._index, round(self._index / 30 * 1e9))
        self._index += 1
        return frame

    def refine(self, alpha: FloatImage) -> tuple[Matte, Frame]:
        frame = self.next_frame()
        matte = self.refinement.refine(plain_matte(alpha, frame), FramePyramid(frame))
        self.carrier.set_anchor(FramePyramid(frame), matte)
        return matte, frame


def test_a_plain_matte_gets_the_frames_edges() -> None:
    bench = Bench()
    matte, frame = bench.refine(bench.truth)
    assert matte.gain.any()
    assert np.abs(full_alpha(matte, frame) - bench.scene.truth(0) / 255).mean() < 0.02


def test_coefficients_are_kept_but_for_the_alpha_floor() -> None:
    bench = Bench(recurrent=True)
    frame = bench.next_frame()
    matte = noise_matte(frame, SMALL)
    # Somebody is never far, but not near everywhere: there the floor is subtracted.
    stripes = (np.arange(SMALL[0]) // 8 % 2).astype(np.float32)
    matte = replace(matte, offset=matte.offset - 0.3, coarse=matte.coarse * stripes)
    refined = bench.refinement.refine(matte, FramePyramid(frame))
    before, after = matte.small_alpha(FramePyramid(frame)), refined.small_alpha(FramePyramid(frame))
    # Float32, of values up to some tens.
    assert (after <= before + 1e-5).all()
    assert (after >= np.clip((before - 0.06) / 0.94, 0, 1) - 1e-5).all()
    assert np.abs(after - before).max() > 0.01


@pytest.mark.parametrize(
    ("recurrent", "smoothing_s", "smooths"),
    [(False, 0.25, True), (False, 0.0, False), (True, 0.25, False)],
)
def test_only_networks_without_memory_are_smoothed(
    recurrent: bool, smoothing_s: float, smooths: bool
) -> None:
    bench = Bench(recurrent=recurrent)
    bench.refine(bench.truth)
    bench.refinement.smoothing_s = smoothing_s
    less, _ = bench.refine(0.5 * bench.truth)
    assert (less.coarse[bench.truth > 0.99].mean() > 0.6) == smooths


def test_the_same_frame_again_is_not_averaged() -> None:
    bench = Bench()
    frame = bench.next_frame()
    bench.carrier.set_anchor(
        FramePyramid(frame),
        bench.refinement.refine(plain_matte(bench.truth, frame), FramePyramid(frame)),
    )
    again = bench.refinement.refine(plain_matte(0.5 * bench.truth, frame), FramePyramid(frame))
    assert again.coarse[bench.truth > 0.99].mean() < 0.51


def test_a_rejected_matte_shows_only_background_and_is_counted() -> None:
    bench = Bench()
    bench.refine(bench.truth)
    matte, frame = bench.refine(np.ones_like(bench.truth))
    assert not full_alpha(matte, frame).any()
    assert bench.refinement.rejected == 1


def test_a_reset_forgets_the_mattes_before() -> None:
    """A person who fills the picture is accepted on the way there, and not at once."""
    bench = Bench()
    near = np.ones_like(bench.truth)
    near[:, :40] = 0
    bench.refine(near)
    assert full_alpha(*bench.refine(np.ones_like(near))).any()
    bench.refinement.reset()
    assert not full_alpha(*bench.refine(np.ones_like(near))).any()


def test_nonsense_is_an_error() -> None:
    bench = Bench()
    with pytest.raises(ModelError, match="frame 0 with values that are no alpha matte"):
        bench.refine(np.full_like(bench.truth, np.nan))
