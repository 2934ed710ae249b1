import cv2
import numpy as np
import pytest
import torch

from livebg.compose.plates import cover
from livebg.compose.reframing import window_of as host_window_of
from livebg.device.resampling import covering, fetched, resized, window_of
from livebg.types import Box, Frame, Size
from tests.device.tensors import array, plane


@pytest.mark.parametrize("size", [(256, 144), (160, 90), (300, 200), (40, 30), (1280, 720)])
def test_resizing_is_opencvs(
    soft_alpha: np.ndarray[tuple[int, int], np.dtype[np.float32]], device: torch.device, size: Size
) -> None:
    by_half = 2 * size[0] >= 256 and 2 * size[1] >= 144
    method = cv2.INTER_LINEAR if by_half else cv2.INTER_AREA
    theirs = cv2.resize(soft_alpha, size, interpolation=method)
    ours = array(resized(plane(soft_alpha, device), size))
    # Means over areas take whole pixels here, and shares of pixels there.
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5 if by_half else 0.1)
    assert np.abs(ours - theirs).mean() < 0.02


@pytest.mark.parametrize("size", [(320, 180), (200, 300), (900, 500)])
def test_covering_is_the_hosts(frames: list[Frame], device: torch.device, size: Size) -> None:
    ours = array(covering(plane(frames[0].image, device), size))
    theirs = cover(frames[0].image, size).astype(np.float32)
    # Reductions are halves and a linear step here, and means over areas on the host.
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).mean() < 1


def test_reading_beside_pixels_is_opencvs(
    soft_alpha: np.ndarray[tuple[int, int], np.dtype[np.float32]], device: torch.device
) -> None:
    y, x = np.mgrid[0:144, 0:256].astype(np.float32)
    move = np.dstack([4 * np.sin(y / 9), -3 + x / 60]).astype(np.float32)
    positions = move + np.dstack([x, y])
    theirs = cv2.remap(
        soft_alpha, positions[..., 0], positions[..., 1], cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    ours = array(fetched(plane(soft_alpha, device), plane(move, device)))
    # Before version 5, OpenCV rounds positions to 1/32 of a pixel.
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=4e-3)


@pytest.mark.parametrize("box", [Box(0, 0, 640, 360), Box(100.3, 40.7, 420.3, 220.7)])
def test_a_window_is_the_hosts(frames: list[Frame], device: torch.device, box: Box) -> None:
    ours = array(window_of(plane(frames[0].image, device), box)).clip(0, 255)
    theirs = host_window_of(frames[0].image, box).astype(np.float32)
    # The host shifts to whole pixels bilinearly first, which blurs a little.
    assert np.abs(ours - theirs).mean() < 1
