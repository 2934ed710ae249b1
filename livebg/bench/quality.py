"""How good a subject's mattes are, on clips whose exact mattes are known."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from livebg.bench.matte_metrics import MatteScores, ScoreKeeper, mean_scores
from livebg.bench.subjects import SubjectPlan, open_subject, used_since
from livebg.errors import InputError
from livebg.source.picture import read_picture
from livebg.source.pictures import PictureFolder, list_pictures
from livebg.types import Frame, Image

__all__ = [
    "ClipQuality",
    "QualityCase",
    "QualityResult",
    "find_clips",
    "mean_quality",
    "measure_quality",
]

_RATE = Fraction(30)


@dataclass(frozen=True, slots=True)
class QualityCase:
    """One subject on one clip.

    Attributes:
        plan: what is measured.
        clip: a folder of ``frame_0000.jpg`` ... (or PNG) and ``alpha_0000.png`` ...
    """

    plan: SubjectPlan
    clip: Path


@dataclass(frozen=True, slots=True)
class ClipQuality:
    """What was measured on one clip.

    Attributes:
        clip: name of the clip.
        frames: frames of it.
        scores: means over the frames.
        cpu_ms: processor time per frame, in milliseconds, reading and scoring not counted.
        inferred_share: share of the frames that the network saw, 0..1.
    """

    clip: str
    frames: int
    scores: MatteScores
    cpu_ms: float
    inferred_share: float


@dataclass(frozen=True, slots=True)
class QualityResult:
    """A subject's means over clips, and what they are means of."""

    subject: str
    scores: MatteScores
    cpu_ms: float
    inferred_share: float
    clips: tuple[ClipQuality, ...]


def find_clips(folder: Path) -> list[Path]:
    """Return the clips in ``folder``, by name, each with its mattes complete.

    Args:
        folder: each of its sub-folders is a clip, as ``QualityCase`` describes it.

    Raises:
        InputError: the folder cannot be read or holds no clip; a clip has no pictures, fewer than
            two frames, or frames without their matte.
    """
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
    """Measure ``case``; made for ``run_isolated``, whose process it counts.

    The mattes are those that ``livebg video CLIP --alpha DIR`` writes with the same settings.

    Raises:
        LivebgError: the clip cannot be read, or the subject cannot be opened or fails.
    """
    cv2.setNumThreads(1)
    keeper = ScoreKeeper()
    cpu_ns = 0
    with PictureFolder(case.clip, _RATE) as pictures:
        size = pictures.info.size
        with closing(open_subject(case.plan, size)) as subject:
            subject.process(Frame(np.zeros((size[1], size[0], 3), np.uint8), 0, 0))
            subject.reset()
            before = subject.statistics
            for frame in pictures:
                begin_ns = time.process_time_ns()
                matte = subject.matte(frame)
                subject.compose(frame, matte)
                cpu_ns += time.process_time_ns() - begin_ns
                alpha = subject.compose(frame, matte, want_alpha=True).alpha
                assert alpha is not None
                keeper.add(alpha, _read_truth(case.clip, frame.index))
            used = used_since(before, subject.statistics)
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
        scores=mean_scores([clip.scores for clip in clips]),
        cpu_ms=sum(clip.cpu_ms for clip in clips) / len(clips),
        inferred_share=sum(clip.inferred_share for clip in clips) / len(clips),
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
