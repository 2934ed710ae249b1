"""How far an alpha matte is from the exact one.

The measures of video matting: Erofeev et al. (2015), "Perceptually motivated benchmark for video
matting", and Rhemann et al. (2009), "A perceptually motivated online benchmark for image matting".
All are scaled as papers print them; lower is better, 0 is exact. Mattes are ``(H, W)`` float32 in
0..1 and are not modified.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass

import cv2
import numpy as np

from livebg.types import FloatImage, Image

__all__ = ["MatteScores", "ScoreKeeper", "dtssd", "grad", "mad", "mean_scores", "mse"]


@dataclass(frozen=True, slots=True)
class MatteScores:
    """The measures of one clip, or their mean over clips."""

    mad: float
    mse: float
    grad: float
    dtssd: float


def mad(matte: FloatImage, truth: FloatImage) -> float:
    """Return the mean absolute difference x 1e3.

    Example:
        >>> mad(np.float32([[0.5, 1.0]]), np.float32([[1.0, 1.0]]))
        250.0
    """
    return float(np.abs(matte - truth).mean()) * 1e3


def mse(matte: FloatImage, truth: FloatImage) -> float:
    """Return the mean squared difference x 1e3 (Rhemann et al. 2009, section 4).

    Example:
        >>> mse(np.float32([[0.5, 1.0]]), np.float32([[1.0, 1.0]]))
        125.0
    """
    difference = matte - truth
    return float((difference * difference).mean()) * 1e3


def grad(matte: FloatImage, truth: FloatImage) -> float:
    """Return the summed squared difference of the gradients' magnitudes / 1e3.

    As Rhemann et al. (2009, section 4, with q = 2), but with Sobel's operator for the derivatives.
    """
    difference = _gradient(matte) - _gradient(truth)
    return float((difference * difference).sum()) / 1e3


def dtssd(
    matte: FloatImage, truth: FloatImage, last_matte: FloatImage, last_truth: FloatImage
) -> float:
    """Return the root mean square of the error's change since the last frame x 1e2.

    It is Erofeev et al.'s (2015) dtSSD per frame, normalised by the number of pixels: flicker and
    lag show in it, an error that stays where it is does not.
    """
    change = (matte - truth) - (last_matte - last_truth)
    return float(np.sqrt((change * change).mean())) * 1e2


class ScoreKeeper:
    """Scores a clip frame by frame.

    Example:
        >>> keeper = ScoreKeeper()
        >>> truth = np.zeros((4, 4), np.uint8)
        >>> keeper.add(truth, truth)
        >>> keeper.add(truth + np.uint8(51), truth)
        >>> round(keeper.scores.mad, 3), round(keeper.scores.dtssd, 3)
        (100.0, 20.0)
    """

    def __init__(self) -> None:
        self._frames: list[tuple[float, float, float]] = []
        self._changes: list[float] = []
        self._last: tuple[FloatImage, FloatImage] | None = None

    def add(self, matte: Image, truth: Image) -> None:
        """Score the next frame.

        Args:
            matte: ``(h, w)`` uint8; resized bilinearly to the truth's size where it differs.
            truth: ``(H, W)`` uint8.
        """
        exact = _as_float(truth)
        guess = _as_float(matte)
        if guess.shape != exact.shape:
            size = (exact.shape[1], exact.shape[0])
            guess = np.asarray(cv2.resize(guess, size, interpolation=cv2.INTER_LINEAR), np.float32)
        self._frames.append((mad(guess, exact), mse(guess, exact), grad(guess, exact)))
        if self._last is not None:
            self._changes.append(dtssd(guess, exact, *self._last))
        self._last = (guess, exact)

    @property
    def scores(self) -> MatteScores:
        """The means over the frames.

        Raises:
            ValueError: there are fewer than two.
        """
        if not self._changes:
            raise ValueError("a clip of fewer than two frames has no dtSSD")
        mads, mses, grads = (float(mean) for mean in np.mean(self._frames, axis=0))
        return MatteScores(mads, mses, grads, dtssd=float(np.mean(self._changes)))


def mean_scores(clips: list[MatteScores]) -> MatteScores:
    """Return the mean over clips, each counting the same however long it is."""
    return MatteScores(*map(float, np.mean([astuple(clip) for clip in clips], axis=0)))


def _gradient(matte: FloatImage) -> FloatImage:
    across = cv2.Sobel(matte, cv2.CV_32F, 1, 0, ksize=3)
    down = cv2.Sobel(matte, cv2.CV_32F, 0, 1, ksize=3)
    return np.asarray(cv2.magnitude(across, down), np.float32) / np.float32(4)


def _as_float(matte: Image) -> FloatImage:
    return matte.astype(np.float32) / np.float32(255)
