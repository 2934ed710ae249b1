import cv2
import numpy as np
import pytest
import torch

from livebg.device.neighbourhood import box_mean, darkest, gaussian, lightest
from tests.device.tensors import array, plane

NOISE = np.random.default_rng(3).uniform(0, 255, (45, 80)).astype(np.float32)


@pytest.mark.parametrize("side_px", [3, 9])
def test_means_over_boxes_are_opencvs(device: torch.device, side_px: int) -> None:
    ours = array(box_mean(plane(NOISE, device), side_px))
    # Sums of 81 numbers in another order.
    np.testing.assert_allclose(ours, cv2.blur(NOISE, (side_px, side_px)), rtol=1e-5)


@pytest.mark.parametrize("sigma_px", [0.8, 2.0, 4.3])
def test_gaussians_are_opencvs(device: torch.device, sigma_px: float) -> None:
    both = np.dstack([NOISE, NOISE[::-1]])
    theirs = cv2.GaussianBlur(both, (0, 0), sigma_px, borderType=cv2.BORDER_REPLICATE)
    # Convolutions on a GPU may have ten bits of mantissa: a thousandth.
    rtol = 1e-4 if device.type == "cpu" else 2e-3
    np.testing.assert_allclose(array(gaussian(plane(both, device), sigma_px)), theirs, rtol=rtol)


def test_extremes_are_opencvs(device: torch.device) -> None:
    window = np.ones((3, 5), np.uint8)
    np.testing.assert_array_equal(
        array(lightest(plane(NOISE, device), (3, 5))), cv2.dilate(NOISE, window)
    )
    np.testing.assert_array_equal(
        array(darkest(plane(NOISE, device), (3, 5))), cv2.erode(NOISE, window)
    )
