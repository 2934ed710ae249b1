from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from livebg.bench.baselines import FloatRecipe, FrameCopy, ReleasedRvm
from livebg.compositing.backgrounds import cover
from livebg.config.settings import Settings
from livebg.frame import Frame
from livebg.sources.video import VideoFile

SIZE = (640, 360)


@pytest.fixture(scope="module")
def frame(talking_head_clip: Path) -> Frame:
    with VideoFile(talking_head_clip) as video:
        return video.read()


@pytest.fixture(scope="module")
def recipe(rvm_weights: Path, tmp_path_factory: pytest.TempPathFactory) -> FloatRecipe:
    picture = tmp_path_factory.mktemp("plate") / "plate.png"
    cv2.imwrite(str(picture), np.full((90, 160, 3), (10, 200, 90), np.uint8))
    return FloatRecipe(Settings(background=str(picture), precision="f32"), SIZE)


def test_the_released_network_finds_the_person(recipe: FloatRecipe, frame: Frame) -> None:
    recipe.reset()
    for _ in range(3):
        alpha = recipe.matte(frame)
    assert alpha.shape == (360, 640)
    assert alpha.dtype == np.float32
    # The top corners show the room, and the person's face is in the middle.
    assert alpha[:36, :64].max() < 0.05
    assert alpha[120:180, 285:355].min() > 0.95


def test_the_state_is_forgotten(recipe: FloatRecipe, frame: Frame) -> None:
    recipe.reset()
    first = recipe.matte(frame)
    second = recipe.matte(frame)
    recipe.reset()
    np.testing.assert_array_equal(recipe.matte(frame), first)
    assert np.abs(second - first).max() > 0


def test_it_blends_in_float_at_full_size(recipe: FloatRecipe, frame: Frame) -> None:
    alpha = np.random.default_rng(2).random((360, 640), np.float32)
    composite = recipe.compose(frame, alpha, want_alpha=True)
    plate = cover(np.full((1, 1, 3), (10, 200, 90), np.uint8), SIZE)
    wanted = frame.image * alpha[..., None] + plate * (1 - alpha[..., None])
    # It cuts fractions off, as the recipe does.
    assert np.abs(composite.image - wanted).max() <= 1
    assert composite.alpha is not None
    assert np.abs(composite.alpha / np.float32(255) - alpha).max() <= 0.5 / 255 + 1e-6


def test_the_blur_keeps_what_is_a_person_and_smears_the_rest(
    rvm_weights: Path, frame: Frame
) -> None:
    recipe = FloatRecipe(Settings(background="blur"), SIZE)
    alpha = np.zeros((360, 640), np.float32)
    alpha[:, 320:] = 1
    image = recipe.compose(frame, alpha).image
    np.testing.assert_array_equal(image[:, 320:], frame.image[:, 320:])
    sharpness = [float(cv2.Laplacian(part[:, :320], cv2.CV_64F).var()) for part in (
        image, frame.image
    )]  # fmt: skip
    assert sharpness[0] < 0.05 * sharpness[1]


def test_its_statistics_are_a_pipelines(recipe: FloatRecipe, frame: Frame) -> None:
    before = recipe.statistics["frames"]
    recipe.process(frame)
    after = recipe.statistics
    assert after["frames"] == after["inferred"] == before + 1
    assert after["input_size"] == [480, 270]
    assert after["engine"] == "openvino CPU f32"
    assert after["stage_ms"].keys() == {"segment", "compose"}


def test_small_frames_are_not_scaled_up(rvm_weights: Path) -> None:
    network = ReleasedRvm(Settings(), (320, 192))
    assert network.input_size == (320, 192)


def test_a_copy_is_a_copy(frame: Frame) -> None:
    copier = FrameCopy()
    composite = copier.process(frame)
    np.testing.assert_array_equal(composite.image, frame.image)
    assert not np.shares_memory(composite.image, frame.image)
    assert copier.statistics == {"frames": 1, "inferred": 0, "stage_ms": {}}


def test_a_copy_has_no_matte(frame: Frame) -> None:
    with pytest.raises(ValueError, match="no matte"):
        FrameCopy().compose(replace(frame, index=1), None, want_alpha=True)
