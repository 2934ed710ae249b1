import cv2
import numpy as np
import pytest
import torch

from livebg.types import Frame, Size
from tests.device.tensors import array, picture_of

SIZES = [(512, 288), (256, 144), (160, 90), (64, 36), (128, 72), (112, 64), (639, 359)]
TYPES = [torch.float32, torch.float16]


@pytest.mark.parametrize("dtype", TYPES, ids=str)
@pytest.mark.parametrize("size", SIZES)
def test_a_scaled_picture_is_the_hosts(
    frames: list[Frame], device: torch.device, size: Size, dtype: torch.dtype
) -> None:
    ours = array(picture_of(frames[0], device, dtype).scaled(size))
    theirs = frames[0].scaled(size).astype(np.float32)
    # The host rounds to whole levels after each of up to three halvings and once at the end.
    assert np.abs(ours - theirs).mean() < 0.5
    assert np.abs(ours - theirs).max() < 2.5


@pytest.mark.parametrize("times", [0, 1, 2, 3])
def test_halves_are_the_hosts_and_are_kept(
    frames: list[Frame], device: torch.device, times: int
) -> None:
    picture = picture_of(frames[0], device)
    half = picture.halved(times)
    theirs = frames[0].halved(times)
    assert array(half).shape == theirs.shape
    assert np.abs(array(half) - theirs).max() <= 0.5 * times + 1e-3
    assert picture.halved(times) is half


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_grey_is_the_hosts(frames: list[Frame], device: torch.device, dtype: torch.dtype) -> None:
    grey = picture_of(frames[0], device, dtype).grey((256, 144))
    assert grey.dtype == torch.float32
    # Up to a level and a half of rounding on the host, of 255.
    np.testing.assert_allclose(array(grey), frames[0].grey((256, 144)), rtol=0, atol=2 / 255)


def test_luma_is_opencvs(frames: list[Frame], device: torch.device) -> None:
    luma = array(picture_of(frames[0], device).luma(frames[0].size))
    theirs = cv2.cvtColor(frames[0].image, cv2.COLOR_BGR2GRAY)
    # OpenCV rounds to whole levels.
    assert np.abs(luma - theirs).max() < 0.6


def test_mirroring_swaps_left_and_right(frames: list[Frame], device: torch.device) -> None:
    mirrored = picture_of(frames[0], device).mirrored()
    np.testing.assert_array_equal(array(mirrored.pixels), frames[0].image[:, ::-1])
