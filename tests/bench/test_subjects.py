from pathlib import Path

import cv2
import numpy as np
import pytest

from livebg.bench.subjects import (
    FloatRecipe,
    FrameCopy,
)
from livebg.compositing.backgrounds import cover
from livebg.config.settings import Settings
from livebg.frame import Frame

SIZE = (640, 360)


@pytest.fixture
def frame(talking_head_frames: list[Frame]) -> Frame:
    return talking_head_frames[0]


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


def test_reset_clears_the_state(recipe: FloatRecipe, frame: Frame) -> None:
    recipe.reset()
    first = recipe.matte(frame)
    second = recipe.matte(frame)
    recipe.reset()
    np.testing.assert_array_equal(recipe.matte(frame), first)
    assert np.abs(second - first).max() > 0


def test_the_recipe_blends_in_float_at_full_size(recipe: FloatRecipe, frame: Frame) -> None:
    alpha = np.random.default_rng(2).random((360, 640), np.float32)
    composite = recipe.compose(frame, alpha, want_alpha=True)
    plate = cover(np.full((1, 1, 3), (10, 200, 90), np.uint8), SIZE)
    expected = frame.image * alpha[..., None] + plate * (1 - alpha[..., None])
    # It cuts fractions off, as the recipe does.
    assert np.abs(composite.image - expected).max() <= 1
    assert composite.alpha is not None
    assert np.abs(composite.alpha / np.float32(255) - alpha).max() <= 0.5 / 255 + 1e-6


def test_the_blur_keeps_the_person_and_blurs_the_rest(rvm_weights: Path, frame: Frame) -> None:
    recipe = FloatRecipe(Settings(background="blur"), SIZE)
    alpha = np.zeros((360, 640), np.float32)
    alpha[:, 320:] = 1
    image = recipe.compose(frame, alpha).image
    np.testing.assert_array_equal(image[:, 320:], frame.image[:, 320:])
    after, before = (
        float(cv2.Laplacian(picture[:, :320], cv2.CV_64F).var()) for picture in (image, frame.image)
    )
    assert after < 0.05 * before


def test_statistics_are_those_of_a_pipeline(recipe: FloatRecipe, frame: Frame) -> None:
    recipe.process(frame)
    recipe.clear_statistics()
    recipe.process(frame)
    found = recipe.statistics
    assert found["frames"] == found["inferred"] == 1
    assert found["input_size"] == [480, 270]
    assert found["engine"] == "openvino CPU f32"
    assert found["stage_ms"].keys() == {"segment", "compose"}


def test_a_copy_is_a_copy_without_a_matte(frame: Frame) -> None:
    copier = FrameCopy()
    composite = copier.process(frame)
    np.testing.assert_array_equal(composite.image, frame.image)
    assert not np.shares_memory(composite.image, frame.image)
    assert copier.statistics == {"frames": 1, "inferred": 0, "stage_ms": {}}
    with pytest.raises(ValueError, match="no matte"):
        copier.compose(frame, None, want_alpha=True)
