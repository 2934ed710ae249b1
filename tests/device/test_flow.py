from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from livebg.device.flow import anchored, carried, displacement_of, following, small_grey
from livebg.segment.openvino_rvm import OpenvinoRvm
from livebg.temporal.flow import FlowCarrier, flow_size
from livebg.temporal.flow import following as hosts_following
from livebg.types import Frame, Matte
from tests.device.tensors import array, picture_of, plane, planes_of

SIZE = (128, 72)


@pytest.fixture(scope="module")
def mattes(
    frames: list[Frame], rvm_weights: Path, tmp_path_factory: pytest.TempPathFactory
) -> list[Matte]:
    cache = tmp_path_factory.mktemp("cache")
    with OpenvinoRvm(
        rvm_weights,
        frames[0].size,
        input_size=(256, 144),
        cache_folder=cache,
        precision="f32",
    ) as segmenter:
        return [segmenter.segment(frame) for frame in frames]


def test_the_small_grey_picture_is_the_hosts(frames: list[Frame], device: torch.device) -> None:
    ours = array(small_grey(picture_of(frames[0], device), SIZE))
    grey = cv2.cvtColor(frames[0].scaled(SIZE), cv2.COLOR_BGR2GRAY)
    # Roundings to levels on the host.
    assert np.abs(ours - cv2.GaussianBlur(grey, (3, 3), 0)).max() < 2.5


@pytest.mark.parametrize("shift", [(0.0, 0.0), (1.5, -0.5), (-6.0, 3.0), (9.0, 4.0)])
def test_a_shift_is_found(device: torch.device, shift: tuple[float, float]) -> None:
    random = np.random.default_rng(0)
    scene = cv2.GaussianBlur(random.uniform(0, 255, (112, 168)).astype(np.float32), (0, 0), 3)
    scene = (scene - scene.mean()) / scene.std() * 50 + 127
    way = np.array([[1, 0, -20], [0, 1, -20]], np.float64)
    moved_way = np.array([[1, 0, -20 - shift[0]], [0, 1, -20 - shift[1]]], np.float64)
    before, now = (cv2.warpAffine(scene, w, SIZE) for w in (way, moved_way))
    found = array(displacement_of(plane(now, device), plane(before, device)))
    inside = found[12:-12, 16:-16]
    # Where it was: against the way that the picture moved. A tenth of a pixel is what DIS reaches.
    assert np.abs(np.median(inside[..., 0]) - shift[0]) < 0.1
    assert np.abs(np.median(inside[..., 1]) - shift[1]) < 0.1


def test_an_outline_follows_the_person_as_on_the_host(
    frames: list[Frame], mattes: list[Matte], device: torch.device
) -> None:
    random = np.random.default_rng(0)
    noise = random.normal(0, 4, (*SIZE[::-1], 2)).astype(np.float32)
    displacement = np.asarray(cv2.GaussianBlur(noise, (0, 0), 2), np.float32)
    alpha = mattes[0].alpha_over(frames[0], SIZE)
    theirs = hosts_following(displacement, alpha)
    assert np.abs(theirs - displacement).max() > 0.1
    ours = array(following(plane(displacement, device), plane(alpha, device)))
    # The same sums in another order.
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize("age", [1, 3])
def test_a_carried_matte_is_as_good_as_the_hosts(
    frames: list[Frame], mattes: list[Matte], device: torch.device, age: int
) -> None:
    carrier = FlowCarrier(frames[0].size)
    size = flow_size(frames[0].size)
    errors: dict[str, list[float]] = {"ours": [], "theirs": [], "kept": []}
    for old, new in zip(range(0, len(frames) - age), range(age, len(frames)), strict=True):
        carrier.set_anchor(frames[old], mattes[old])
        theirs = carrier.carry(frames[new])
        before, now = picture_of(frames[old], device), picture_of(frames[new], device)
        anchor = anchored(planes_of(mattes[old], device), before, small_grey(before, size))
        ours = carried(anchor, small_grey(now, size))
        truth = mattes[new].small_alpha(frames[new])
        kept = planes_of(mattes[old], device).small_alpha(now)
        errors["ours"].append(np.abs(array(ours.planes.small_alpha(now)) - truth).mean())
        errors["theirs"].append(np.abs(theirs.matte.small_alpha(frames[new]) - truth).mean())
        errors["kept"].append(np.abs(array(kept) - truth).mean())
        assert abs(float(ours.residual) - theirs.residual) < 0.1
    # Two ways to compute flow: a tenth more error is what the network's own noise allows for.
    assert np.mean(errors["ours"]) < 1.1 * np.mean(errors["theirs"]) + 1e-4
    assert np.mean(errors["ours"]) < np.mean(errors["kept"])


def test_another_picture_is_told_from_a_movement(
    frames: list[Frame], mattes: list[Matte], device: torch.device
) -> None:
    size = flow_size(frames[0].size)
    before = picture_of(frames[0], device)
    other = Frame(np.ascontiguousarray(255 - frames[0].image[::-1]), 1, 0)
    anchor = anchored(planes_of(mattes[0], device), before, small_grey(before, size))
    moved = carried(anchor, small_grey(picture_of(other, device), size))
    assert float(moved.residual) > 0.5
