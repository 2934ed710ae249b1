"""Footage whose alpha is known exactly, and how far a pipeline's mattes are from it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice, pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from livebg.config.settings import Settings
from livebg.frame import Frame, FramePyramid, Image, Size
from livebg.pipeline import Pipeline
from livebg.segmenters.openvino import OpenvinoSegmenter
from livebg.sources.video import VideoFile
from tests.support.fakes import processed
from tests.support.mattes import frame_of, full_alpha
from tests.support.scenes import SyntheticScene

SIZE: Size = (640, 360)
Cutout = tuple[Image, NDArray[np.floating]]
"""A picture, ``(H, W, 3)`` uint8, and the alpha of the person in it, ``(H, W)`` in 0..1."""


class Footage(NamedTuple):
    """Frames and their exact alphas, ``(H, W)`` uint8."""

    frames: list[Frame]
    truths: list[Image]


class Score(NamedTuple):
    """How far alphas are from the truth.

    Attributes:
        mad: mean absolute difference, in thousandths.
        dtssd: how much the difference flickers (Erofeev et al. 2015), in hundredths.
        inferred: frames that the network saw.
    """

    mad: float
    dtssd: float
    inferred: int


def cutouts_of(
    clip: Path, weights: Path, cache: Path, *, input_size: Size, count: int
) -> list[Cutout]:
    """Cut the person out of a clip's first frames with the network at ``input_size``."""
    with (
        VideoFile(clip) as video,
        OpenvinoSegmenter(
            weights, SIZE, name="rvm", input_size=input_size, cache_folder=cache, precision="f32"
        ) as best,
    ):
        return [
            (frame.image, full_alpha(best.segment(FramePyramid(frame)), frame))
            for frame in islice(video, count)
        ]


def over_room(cutouts: Iterable[Cutout]) -> Footage:
    """Put cutouts in front of a drawn room: whatever they are, their alpha is then exact."""
    room = SyntheticScene(SIZE).room
    footage = Footage([], [])
    for index, (colours, alpha) in enumerate(cutouts):
        truth = np.rint(255 * alpha).astype(np.uint8)
        share = truth[..., None] / 255
        image = np.rint(share * colours + (1 - share) * room).astype(np.uint8)
        footage.frames.append(frame_of(image, index))
        footage.truths.append(truth)
    return footage


def score(footage: Footage, settings: Settings, *, warm: int) -> Score:
    """Score the mattes of a pipeline, without those of the first ``warm`` frames."""
    with Pipeline(settings, SIZE) as pipeline:
        alphas = [processed(pipeline, frame, want_alpha=True).alpha for frame in footage.frames]
        inferred = pipeline.statistics["inferred"]
    errors = [
        (alpha.astype(np.float64) - truth) / 255
        for alpha, truth in zip(alphas, footage.truths, strict=True)
        if alpha is not None
    ][warm:]
    return Score(
        mad=1e3 * float(np.mean([np.abs(error).mean() for error in errors])),
        dtssd=1e2 * float(np.mean([_rms(b - a) for a, b in pairwise(errors)])),
        inferred=inferred,
    )


def _rms(error: NDArray[np.float64]) -> float:
    return float(np.sqrt((error**2).mean()))
