import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from livebg.bench.matte_metrics import MatteScores
from livebg.bench.quality import (
    ClipQuality,
    QualityCase,
    find_clips,
    mean_quality,
    measure_quality,
)
from livebg.bench.subjects import RECIPE, SubjectPlan
from livebg.cli.main import main
from livebg.config.load import load_settings
from livebg.errors import InputError
from livebg.types import FloatImage
from tests.bench.clips import write_scene


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


def test_the_recipe_is_scored_too(tmp_path: Path, rvm_weights: Path) -> None:
    clip = write_scene(tmp_path / "scene", frames=3)
    quality = measure_quality(QualityCase(SubjectPlan(RECIPE, load_settings()), clip))
    assert quality.inferred_share == 1
    assert quality.scores.mad > 0


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
