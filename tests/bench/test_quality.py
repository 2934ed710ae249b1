from __future__ import annotations

import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from livebg.bench.quality import (
    ClipQuality,
    MatteScores,
    QualityCase,
    ScoreKeeper,
    find_clips,
    mean_quality,
    measure_quality,
)
from livebg.bench.subjects import SubjectPlan
from livebg.cli.main import main
from livebg.config.load import load_settings
from livebg.errors import InputError
from livebg.frame import FloatImage, Image
from tests.support.bench_results import write_scene


def scored(*pairs: tuple[Image, Image]) -> MatteScores:
    keeper = ScoreKeeper()
    for matte, truth in pairs:
        keeper.add(matte, truth)
    return keeper.scores


def flat(level: int, size: tuple[int, int] = (4, 6)) -> Image:
    return np.full(size, level, np.uint8)


def test_the_exact_matte_scores_nothing() -> None:
    truth = np.random.default_rng(1).integers(0, 256, (8, 9), np.uint8)
    assert scored((truth, truth), (truth, truth)) == MatteScores(0, 0, 0, 0)


def test_one_wrong_pixel_of_24_counts_by_its_size() -> None:
    matte = flat(0)
    matte[1, 2] = 153
    scores = scored(*[(matte, flat(0))] * 2)
    assert scores.mad == pytest.approx(1e3 * 0.6 / 24)
    assert scores.mse == pytest.approx(1e3 * 0.36 / 24)


def test_a_ramp_has_the_gradient_of_its_slope() -> None:
    # Sobel's kernel gives 8 times the slope in the middle of a ramp, and 0 at its two mirrored
    # ends: with slope 0.1 and the division by 4, (0.2)^2 at each of 5 x 4 inner pixels, but for
    # rounding to 8 bits.
    ramp = np.tile(np.rint(np.arange(6) * 25.5).astype(np.uint8), (5, 1))
    scores = scored(*[(ramp, flat(0, (5, 6)))] * 2)
    assert scores.grad == pytest.approx(0.04 * 5 * 4 / 1e3, rel=0.01)


def test_an_error_that_stays_is_no_flicker() -> None:
    scores = scored((flat(102), flat(51)), (flat(178), flat(127)))
    assert scores.dtssd == pytest.approx(0, abs=1e-5)


def test_flicker_is_the_root_mean_square_of_the_change() -> None:
    now = flat(51)
    now[0] = 153
    # A quarter of the pixels changes its error by 0.4.
    scores = scored((flat(51), flat(51)), (now, flat(51)))
    assert scores.dtssd == pytest.approx(1e2 * math.sqrt(0.16 / 4))


def test_the_scores_of_a_clip_are_means_over_its_frames() -> None:
    scores = scored(*((flat(level), flat(0)) for level in (0, 51, 255)))
    # Errors 0, 0.2, 1; changes 0.2, 0.8.
    assert scores.mad == pytest.approx(1e3 * 1.2 / 3)
    assert scores.mse == pytest.approx(1e3 * 1.04 / 3)
    assert scores.grad == 0
    assert scores.dtssd == pytest.approx(1e2 * 0.5)


def test_a_matte_of_another_size_is_scaled_to_the_truth() -> None:
    small: Image = np.array([[0, 255], [0, 255]], np.uint8)
    truth = flat(0, (8, 8))
    exact = cv2.resize(small.astype(np.float32), (8, 8), interpolation=cv2.INTER_LINEAR)
    given, scaled = (
        scored(*[(matte, truth)] * 2) for matte in (small, np.rint(exact).astype(np.uint8))
    )
    # The scaled matte is rounded to 8 bits in one of the two: half a level at most.
    assert given.mad == pytest.approx(scaled.mad, abs=1e3 * 0.5 / 255)


def test_one_frame_is_no_clip() -> None:
    with pytest.raises(ValueError, match="fewer than two frames"):
        scored((flat(0), flat(0)))


def read(path: Path) -> FloatImage:
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    assert image is not None
    return image.astype(np.float32) / np.float32(255)


def test_it_scores_the_mattes_that_livebg_video_writes(tmp_path: Path, rvm_weights: Path) -> None:
    clip = write_scene(tmp_path / "scene", frames=8, size=(320, 192))
    mattes, stats = tmp_path / "mattes", tmp_path / "stats.json"
    words = ["video", str(clip), "--preset", "fast", "--alpha", str(mattes)]
    assert main([*words, "--stats", str(stats)]) == 0
    inference = json.loads(stats.read_text())["inference"]
    errors = [read(mattes / p.name) - read(p) for p in sorted(clip.glob("alpha_*.png"))]
    plan = SubjectPlan("fast", load_settings(preset="fast", overrides={"background": "white"}))
    quality = measure_quality(QualityCase(plan, clip))
    assert quality.frames == len(errors) == 8
    assert quality.clip == "scene"
    # Single-precision means of the same values, summed in another order.
    assert quality.scores.mad == pytest.approx(1e3 * np.mean(np.abs(errors)), rel=1e-4)
    assert quality.scores.mse == pytest.approx(1e3 * np.mean(np.square(errors)), rel=1e-4)
    changes = np.sqrt(np.mean(np.square(np.diff(errors, axis=0)), axis=(1, 2)))
    assert quality.scores.dtssd == pytest.approx(1e2 * np.mean(changes), rel=1e-4)
    assert quality.scores.mad > 0
    assert quality.cpu_ms > 0
    assert quality.inferred_share == inference["inferred"] / 8


def test_the_mean_over_clips_counts_each_clip_once() -> None:
    clips = [
        ClipQuality("a", 10, MatteScores(1, 1, 1, 1), cpu_ms=4, inferred_share=0.2),
        ClipQuality("b", 90, MatteScores(3, 3, 3, 3), cpu_ms=8, inferred_share=0.4),
    ]
    mean = mean_quality("fast", clips)
    assert mean.scores == MatteScores(2, 2, 2, 2)
    assert mean.cpu_ms == 6
    assert mean.inferred_share == pytest.approx(0.3)
    assert [clip.clip for clip in mean.clips] == ["a", "b"]


def test_clips_are_found_by_name(tmp_path: Path) -> None:
    for name in ("b", "a", ".hidden"):
        write_scene(tmp_path / name, frames=2)
    (tmp_path / "notes.txt").write_text("not a clip")
    assert [clip.name for clip in find_clips(tmp_path)] == ["a", "b"]


def test_a_folder_without_clips_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no clip in it"):
        find_clips(tmp_path)
    with pytest.raises(InputError, match="cannot be read"):
        find_clips(tmp_path / "missing")


def test_a_clip_is_refused_before_anything_is_measured(tmp_path: Path) -> None:
    clip = write_scene(tmp_path / "scene", frames=3)
    (clip / "alpha_0001.png").unlink()
    with pytest.raises(InputError, match=r"alpha_0001\.png: frame 1 has no exact matte"):
        find_clips(tmp_path)
    for name in ("frame_0001.png", "frame_0002.png"):
        (clip / name).unlink()
    with pytest.raises(InputError, match="needs two frames or more, this one has 1"):
        find_clips(tmp_path)
