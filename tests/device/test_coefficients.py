import numpy as np
import torch

from livebg.device.coefficients import Planes, fit_linear, with_coefficients, without_haze
from livebg.refine.guided import fit_linear as host_fit_linear
from livebg.refine.guided import with_coefficients as host_with_coefficients
from livebg.refine.haze import without_haze as host_without_haze
from livebg.types import Frame
from tests.device.tensors import array, picture_of, plane, planes_of
from tests.mattes import plain_matte

Alpha = np.ndarray[tuple[int, int], np.dtype[np.float32]]


def test_the_guided_filter_is_the_hosts(
    frames: list[Frame], soft_alpha: Alpha, device: torch.device
) -> None:
    grey = frames[0].grey((256, 144))
    theirs = host_fit_linear(grey, soft_alpha, radius_px=4, epsilon=1e-4)
    ours = fit_linear(plane(grey, device), plane(soft_alpha, device), radius_px=4, epsilon=1e-4)
    applied = [gain * grey + offset for gain, offset in (map(array, ours), theirs)]
    # Differences of nearly equal means lose four of float32's seven digits in flat areas.
    np.testing.assert_allclose(applied[0], applied[1], rtol=0, atol=2e-3)


def test_a_plain_matte_gets_the_hosts_edges(
    frames: list[Frame], soft_alpha: Alpha, device: torch.device
) -> None:
    matte = plain_matte(soft_alpha, frames[0])
    picture = picture_of(frames[0], device)
    ours = without_haze(with_coefficients(planes_of(matte, device), picture))
    theirs = host_without_haze(host_with_coefficients(matte, frames[0]))
    # The host's grey is rounded to levels, which gains of up to ten amplify.
    difference = array(ours.small_alpha(picture)) - theirs.small_alpha(frames[0])
    assert np.abs(difference).mean() < 2e-3
    assert np.abs(difference).max() < 0.05


def test_the_coarse_alpha_keeps_its_haze(
    frames: list[Frame], soft_alpha: Alpha, device: torch.device
) -> None:
    planes = planes_of(plain_matte(soft_alpha, frames[0]), device)
    assert without_haze(planes).coarse is planes.coarse


def test_a_mirrored_matte_is_the_mirrored_pictures(
    frames: list[Frame], soft_alpha: Alpha, device: torch.device
) -> None:
    gain, offset = plane(soft_alpha - 0.5, device), plane(soft_alpha, device)
    labels = torch.arange(6, dtype=torch.uint8, device=device).reshape(2, 3)
    planes = Planes(gain, offset, offset, labels)
    picture = picture_of(frames[0], device)
    turned = array(planes.mirrored().small_alpha(picture.mirrored()))
    np.testing.assert_allclose(turned, array(planes.small_alpha(picture))[:, ::-1], atol=1e-6)
    found = planes.mirrored().labels
    assert found is not None
    assert found.tolist() == [[2, 1, 0], [5, 4, 3]]
