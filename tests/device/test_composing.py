import cv2
import numpy as np
import pytest
import torch

from livebg.compose.blur import BlurPlate
from livebg.compose.compositor import Backdrop, Compositor
from livebg.compose.plates import GreyPlate, StillPlate
from livebg.device.composing import (
    blended,
    blurred_room,
    clean_colours,
    cut_out,
    edge_colours,
    full_alpha,
    without_colour,
)
from livebg.device.picture import DevicePicture
from livebg.refine.edge_colour import edge_colours as host_edge_colours
from livebg.types import Composite, Frame, Matte
from tests.device.tensors import array, picture_of, plane, planes_of
from tests.mattes import noise_matte, plain_matte

Alpha = np.ndarray[tuple[int, int], np.dtype[np.float32]]
TYPES = [torch.float32, torch.float16]
EIGHTH = (80, 45)


@pytest.fixture(params=["soft", "hard", "noise"])
def matte(request: pytest.FixtureRequest, frames: list[Frame], soft_alpha: Alpha) -> Matte:
    if request.param == "noise":
        return noise_matte(frames[0], (64, 36))
    alpha = soft_alpha if request.param == "soft" else (soft_alpha > 0.5).astype(np.float32)
    return plain_matte(alpha, frames[0])


def composed(frame: Frame, matte: Matte, backdrop: Backdrop, colours: bool) -> Composite:
    small = matte.alpha_over(frame, EIGHTH)
    edge = host_edge_colours(frame, small) if colours else None
    return Compositor(backdrop).compose(frame, matte, small, colours=edge, want_alpha=True)


def parts(
    frame: Frame, matte: Matte, device: torch.device, dtype: torch.dtype
) -> tuple[DevicePicture, torch.Tensor, torch.Tensor]:
    picture, planes = picture_of(frame, device, dtype), planes_of(matte, device)
    return picture, planes.small_alpha(picture, EIGHTH), full_alpha(planes, picture)


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_alpha_at_full_size_is_the_hosts(
    frames: list[Frame], matte: Matte, device: torch.device, dtype: torch.dtype
) -> None:
    alpha = array(parts(frames[0], matte, device, dtype)[2])
    theirs = composed(frames[0], matte, "none", colours=False).alpha
    assert theirs is not None
    # The host rounds to levels; grey in f16 errs by 1/2000, and a matte of noise has gains of 6.
    assert np.abs(alpha - theirs / 255).mean() < 2e-3
    assert np.quantile(np.abs(alpha - theirs / 255), 0.999) < 8e-3


def test_edge_colours_are_the_hosts(
    frames: list[Frame], matte: Matte, device: torch.device
) -> None:
    small = matte.alpha_over(frames[0], EIGHTH)
    ours = array(edge_colours(picture_of(frames[0], device), plane(small, device)))
    # Three roundings to levels on the host.
    assert np.abs(ours - host_edge_colours(frames[0], small)).max() < 2


@pytest.mark.parametrize("strength", [0, 50, 100])
@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_the_blurred_room_is_the_hosts(
    frames: list[Frame], matte: Matte, device: torch.device, strength: float, dtype: torch.dtype
) -> None:
    small = matte.alpha_over(frames[0], EIGHTH)
    plate = BlurPlate(strength)
    theirs = cv2.resize(plate.render(frames[0], small), frames[0].size).astype(np.float32)
    picture = picture_of(frames[0], device, dtype)
    ours = array(blurred_room(picture, plane(small, device), plate.share))
    # Roundings to levels on the host: each halving, the blur, the enlargement.
    assert np.abs(ours - theirs).mean() < 0.8
    assert np.abs(ours - theirs).max() < 3


@pytest.mark.parametrize("colours", [True, False])
@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_a_blended_picture_is_the_hosts(
    frames: list[Frame], matte: Matte, device: torch.device, dtype: torch.dtype, colours: bool
) -> None:
    picture, small, alpha = parts(frames[0], matte, device, dtype)
    weight = alpha.to(dtype)
    person = picture.pixels
    if colours:
        person = clean_colours(picture, weight, edge_colours(picture, small))
    plate = torch.full_like(person, 77)
    ours = array(blended(person, plate, weight).to(torch.uint8))
    theirs = composed(frames[0], matte, StillPlate.of_colour(77, 77, 77), colours).image
    # A level of rounding; an alpha that errs by 1/255 can move a colour by one more.
    assert np.abs(ours - theirs).mean() < 0.5
    assert np.quantile(np.abs(ours - theirs), 0.999) <= 2


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_a_cutout_is_the_hosts_and_hides_the_room(
    frames: list[Frame], matte: Matte, device: torch.device, dtype: torch.dtype
) -> None:
    picture, small, alpha = parts(frames[0], matte, device, dtype)
    weight = alpha.to(dtype)
    person = clean_colours(picture, weight, edge_colours(picture, small))
    ours = array(cut_out(person, weight).to(torch.uint8))
    theirs = composed(frames[0], matte, "transparent", colours=True).image.astype(np.float32)
    assert np.abs(ours[..., 3] - theirs[..., 3]).max() <= 3
    seen = ours[..., 3:] * ours[..., :3] / 255
    assert np.abs(seen - theirs[..., 3:] * theirs[..., :3] / 255).mean() < 0.5
    assert not ours[ours[..., 3] == 0].any()


def test_the_room_without_colour_is_the_hosts(frames: list[Frame], device: torch.device) -> None:
    ours = array(without_colour(picture_of(frames[0], device)))
    theirs = GreyPlate().render(frames[0], np.zeros((1, 1), np.float32))
    # The host rounds to whole levels.
    assert np.abs(ours - theirs).max() < 0.6
