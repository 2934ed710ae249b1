"""Quality of a subject's mattes, on clips whose exact mattes are known.

The measures are those of Erofeev et al. (2015), "Perceptually motivated benchmark for video
matting", and Rhemann et al. (2009), "A perceptually motivated online benchmark for image matting",
scaled as papers print them; lower is better, 0 is exact. Mattes are ``(H, W)`` float32 in 0..1 and
are not modified.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import astuple, dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from livebg.bench.subjects import SubjectPlan, open_subject
from livebg.errors import InputError
from livebg.frame import FloatImage, Frame, Image
from livebg.sources.pictures import PictureFolder, list_pictures, read_picture

__all__ = [
    "ClipQuality",
    "MatteScores",
    "QualityCase",
    "QualityResult",
    "ScoreKeeper",
    "find_clips",
    "mean_quality",
    "measure_quality",
]

_RATE = Fraction(30)


@dataclass(frozen=True, slots=True)
class MatteScores:
    """Measures of one clip, or their means over clips.

    Attributes:
        mad: mean absolute difference x 1e3.
        mse: mean squared difference x 1e3 (Rhemann et al., section 4).
        grad: summed squared difference of the gradients' magnitudes / 1e3 (the same, with q = 2,
            but with Sobel's operator for the derivatives).
        dtssd: root mean square of the error's change since the last frame x 1e2 (Erofeev et al.,
            normalised by the number of pixels): flicker and lag show in it, a constant error not.
    """

    mad: float
    mse: float
    grad: float
    dtssd: float


class ScoreKeeper:
    """Scores a clip frame by frame."""

    def __init__(self) -> None:
        self._frames: list[tuple[float, ...]] = []
        self._changes: list[float] = []
        self._last_error: FloatImage | None = None

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
        error, slopes = guess - exact, _gradient(guess) - _gradient(exact)
        means = (np.abs(error).mean() * 1e3, np.square(error).mean() * 1e3)
        self._frames.append((*map(float, means), float(np.square(slopes).sum()) / 1e3))
        if self._last_error is not None:
            change = error - self._last_error
            self._changes.append(float(np.sqrt(np.square(change).mean())) * 1e2)
        self._last_error = error

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


def _gradient(matte: FloatImage) -> FloatImage:
    across = cv2.Sobel(matte, cv2.CV_32F, 1, 0, ksize=3)
    down = cv2.Sobel(matte, cv2.CV_32F, 0, 1, ksize=3)
    return np.asarray(cv2.magnitude(across, down), np.float32) / np.float32(4)


def _as_float(matte: Image) -> FloatImage:
    return matte.astype(np.float32) / np.float32(255)


@dataclass(frozen=True, slots=True)
class QualityCase:
    """One subject on one clip.

    Attributes:
        clip: a folder of ``frame_0000.jpg`` ... (or PNG) and ``alpha_0000.png`` ...
    """

    plan: SubjectPlan
    clip: Path

    @property
    def name(self) -> str:
        """The case in words, for the progress."""
        return f"{self.plan.name} on {self.clip.name}"


@dataclass(frozen=True, slots=True)
class ClipQuality:
    """Measurements of one subject on one clip.

    Attributes:
        cpu_ms: processor time per frame, in milliseconds, reading and scoring not counted.
        inferred_share: share of the frames that went through the network, 0..1.
    """

    clip: str
    frames: int
    scores: MatteScores
    cpu_ms: float
    inferred_share: float


@dataclass(frozen=True, slots=True)
class QualityResult:
    """Means of a subject over clips, and the clips' own measurements."""

    subject: str
    scores: MatteScores
    cpu_ms: float
    inferred_share: float
    clips: tuple[ClipQuality, ...]


def find_clips(folder: Path) -> list[Path]:
    """Return the clips in ``folder``, sorted by name, each with its mattes complete."""
    try:
        clips = sorted(
            path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")
        )
    except OSError as error:
        raise InputError(
            f"{folder}: the folder of clips cannot be read ({error.strerror}), check the path"
        ) from error
    if not clips:
        raise InputError(
            f"{folder}: there is no clip in it; each sub-folder must hold frame_0000.jpg ... and "
            "their exact mattes alpha_0000.png ..."
        )
    for clip in clips:
        _check_clip(clip)
    return clips


def measure_quality(case: QualityCase) -> ClipQuality:
    """Measure ``case``; made for ``run_isolated``: the time is that of the process.

    The mattes are those that ``livebg video CLIP --alpha DIR`` writes with the same settings.
    """
    keeper = ScoreKeeper()
    cpu_ns = 0
    with PictureFolder(case.clip, _RATE) as pictures:
        size = pictures.info.size
        with closing(open_subject(case.plan, size)) as subject:
            subject.process(Frame(np.zeros((size[1], size[0], 3), np.uint8), 0, 0))
            subject.reset()
            subject.clear_statistics()
            for frame in pictures:
                begin_ns = time.process_time_ns()
                matte = subject.matte(frame)
                subject.compose(frame, matte)
                cpu_ns += time.process_time_ns() - begin_ns
                alpha = subject.compose(frame, matte, want_alpha=True).alpha
                assert alpha is not None
                keeper.add(alpha, _read_truth(case.clip, frame.index))
            used = subject.statistics
    return ClipQuality(
        clip=case.clip.name,
        frames=used["frames"],
        scores=keeper.scores,
        cpu_ms=cpu_ns / 1e6 / used["frames"],
        inferred_share=used["inferred"] / used["frames"],
    )


def mean_quality(subject: str, clips: Sequence[ClipQuality]) -> QualityResult:
    """Return the means over ``clips``, each counting the same however long it is."""
    return QualityResult(
        subject=subject,
        scores=MatteScores(*map(float, np.mean([astuple(clip.scores) for clip in clips], axis=0))),
        cpu_ms=float(np.mean([clip.cpu_ms for clip in clips])),
        inferred_share=float(np.mean([clip.inferred_share for clip in clips])),
        clips=tuple(clips),
    )


def _check_clip(clip: Path) -> None:
    frames = [path for path in list_pictures(clip) if not path.name.startswith("alpha_")]
    if len(frames) < 2:
        raise InputError(f"{clip}: a clip needs two frames or more, this one has {len(frames)}")
    missing = next((i for i in range(len(frames)) if not _truth_path(clip, i).exists()), None)
    if missing is not None:
        raise InputError(
            f"{_truth_path(clip, missing)}: frame {missing} has no exact matte, write one or "
            "take the frame away"
        )


def _truth_path(clip: Path, index: int) -> Path:
    return clip / f"alpha_{index:04d}.png"


def _read_truth(clip: Path, index: int) -> Image:
    """Return the exact matte of frame ``index``: ``(H, W)`` uint8."""
    return np.ascontiguousarray(read_picture(_truth_path(clip, index))[..., 0])
