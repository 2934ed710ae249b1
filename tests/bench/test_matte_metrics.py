import math

import cv2
import numpy as np
import pytest

from livebg.bench.matte_metrics import (
    MatteScores,
    ScoreKeeper,
    dtssd,
    grad,
    mad,
    mean_scores,
    mse,
)
from livebg.types import FloatImage, Image


def flat(value: float, size: tuple[int, int] = (4, 6)) -> FloatImage:
    return np.full(size, value, np.float32)


def test_the_exact_matte_scores_nothing() -> None:
    truth = np.random.default_rng(1).random((8, 9), np.float32)
    assert mad(truth, truth) == mse(truth, truth) == grad(truth, truth) == 0
    assert dtssd(truth, truth, truth, truth) == 0


def test_one_wrong_pixel_of_24_counts_by_its_size() -> None:
    matte = flat(0.0)
    matte[1, 2] = 0.6
    assert mad(matte, flat(0.0)) == pytest.approx(1e3 * 0.6 / 24)
    assert mse(matte, flat(0.0)) == pytest.approx(1e3 * 0.36 / 24)


def test_a_ramp_has_the_gradient_of_its_slope() -> None:
    # Sobel's kernel gives 8 times the slope in the middle of a ramp, and 0 at its two mirrored
    # ends: with slope 0.1 and the division by 4, (0.2)^2 at each of 5 x 4 inner pixels.
    ramp = np.tile(np.arange(6, dtype=np.float32) / np.float32(10), (5, 1))
    assert grad(ramp, flat(0.0, (5, 6))) == pytest.approx(0.04 * 5 * 4 / 1e3)


def test_an_error_that_stays_is_no_flicker() -> None:
    assert dtssd(flat(0.7), flat(0.5), flat(0.4), flat(0.2)) == pytest.approx(0, abs=1e-5)


def test_flicker_is_the_root_mean_square_of_the_change() -> None:
    last, now = flat(0.5), flat(0.5)
    now[0] = 0.9
    # A quarter of the pixels changes its error by 0.4.
    assert dtssd(now, flat(0.5), last, flat(0.5)) == pytest.approx(1e2 * math.sqrt(0.16 / 4))


def test_the_scores_of_a_clip_are_means_over_its_frames() -> None:
    keeper = ScoreKeeper()
    truth = np.zeros((4, 4), np.uint8)
    for level in (0, 51, 255):
        keeper.add(np.full((4, 4), level, np.uint8), truth)
    # Errors 0, 0.2, 1; changes 0.2, 0.8.
    assert keeper.scores.mad == pytest.approx(1e3 * 1.2 / 3)
    assert keeper.scores.mse == pytest.approx(1e3 * 1.04 / 3)
    assert keeper.scores.grad == 0
    assert keeper.scores.dtssd == pytest.approx(1e2 * 0.5)


def test_a_matte_of_another_size_is_scaled_to_the_truth() -> None:
    small: Image = np.array([[0, 255], [0, 255]], np.uint8)
    keeper, other = ScoreKeeper(), ScoreKeeper()
    truth = np.zeros((8, 8), np.uint8)
    exact = cv2.resize(small.astype(np.float32), (8, 8), interpolation=cv2.INTER_LINEAR)
    for _ in range(2):
        keeper.add(small, truth)
        other.add(np.rint(exact).astype(np.uint8), truth)
    # The scaled matte is rounded to 8 bits in one of the two: half a level at most.
    assert keeper.scores.mad == pytest.approx(other.scores.mad, abs=1e3 * 0.5 / 255)


def test_one_frame_is_no_clip() -> None:
    keeper = ScoreKeeper()
    keeper.add(np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint8))
    with pytest.raises(ValueError, match="fewer than two frames"):
        _ = keeper.scores


def test_every_clip_counts_the_same() -> None:
    mean = mean_scores([MatteScores(1, 2, 3, 4), MatteScores(3, 4, 5, 10)])
    assert mean == MatteScores(2, 3, 4, 7)
