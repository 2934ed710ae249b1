"""Both flow estimators, and the carrying of mattes along their flow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from livebg.frame import Box, FloatImage, FramePyramid, Image, Matte, Size
from livebg.matting import flow
from livebg.matting.block_matching import BlockMatching
from livebg.matting.flow import FlowCarrier, FlowEstimator, OpencvFlow, flow_estimator
from tests.support.mattes import disc, frame_of, noise_frame, plain_matte

SIZE: Size = (128, 72)
LANDSCAPE: Size = (640, 360)
PORTRAIT: Size = (360, 640)
MATTE: Size = (256, 144)

MakeEstimator = Callable[[Size], FlowEstimator]
ESTIMATORS: list[MakeEstimator] = [BlockMatching, lambda size: OpencvFlow()]
Shift = tuple[float, float]


def texture(size: Size, seed: int = 1, blob_px: int = 5) -> NDArray[np.float32]:
    """Smooth blobs with a border to shift into, which is as wide as half of ``size``."""
    coarse = np.random.default_rng(seed).uniform(
        20, 235, (2 * size[1] // blob_px, 2 * size[0] // blob_px, 3)
    )
    double = (2 * size[0], 2 * size[1])
    blobs = cv2.resize(coarse.astype(np.float32), double, interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(blobs, 0, 255), np.float32)


def view(blobs: NDArray[np.float32], shift: Shift = (0, 0)) -> Image:
    """The texture as it looks when everything has moved by ``shift``: right and down."""
    size = (blobs.shape[1] // 2, blobs.shape[0] // 2)
    way = np.array([[1, 0, shift[0] - size[0] // 2], [0, 1, shift[1] - size[1] // 2]], np.float64)
    return np.asarray(np.rint(cv2.warpAffine(blobs, way, size)), np.uint8)


def grey_view(size: Size, shift: Shift = (0, 0)) -> Image:
    return np.ascontiguousarray(view(texture(size), shift)[..., 0])


def displacement_of(estimator: FlowEstimator, before: Image, after: Image) -> FloatImage:
    estimator.set_anchor(before)
    return estimator.displacement(after)


@pytest.mark.parametrize("make", ESTIMATORS)
@pytest.mark.parametrize("size", [SIZE, (72, 128), (33, 61), (32, 32)])
@pytest.mark.parametrize("shift", [(0.5, 0.0), (-2.0, 1.0), (3.3, -2.6)])
def test_a_shift_is_found(make: MakeEstimator, size: Size, shift: Shift) -> None:
    found = displacement_of(make(size), grey_view(size), grey_view(size, shift))
    assert found.shape == (size[1], size[0], 2)
    assert found.dtype == np.float32
    # What comes in at the border was not there before; elsewhere a tenth of a pixel is a hundredth
    # of the picture's width.
    inner = found[8:-8, 8:-8]
    np.testing.assert_allclose(np.median(inner, axis=(0, 1)), (-shift[0], -shift[1]), atol=0.1)


@pytest.mark.parametrize("make", ESTIMATORS)
def test_brightness_is_no_motion(make: MakeEstimator) -> None:
    before = grey_view(SIZE) // 2
    found = displacement_of(make(SIZE), before, before + np.uint8(60))
    assert np.abs(found).max() < 0.05


@pytest.mark.parametrize("make", ESTIMATORS)
def test_flat_pictures_have_no_motion(make: MakeEstimator) -> None:
    black, white = np.zeros(SIZE[::-1], np.uint8), np.full(SIZE[::-1], 255, np.uint8)
    assert not displacement_of(make(SIZE), black, white).any()


def test_a_resting_part_does_not_move_at_all() -> None:
    """Exactly: that is what makes it cheap, and what keeps a still matte from shimmering."""
    before = grey_view(SIZE)
    after = before.copy()
    after[:, 64:] = grey_view(SIZE, (2, 0))[:, 64:]
    noise = np.random.default_rng(3).normal(0, 0.5, after.shape)
    after = np.clip(np.rint(after + noise), 0, 255).astype(np.uint8)
    found = displacement_of(BlockMatching(SIZE), before, after)
    assert not found[:, :52].any()
    np.testing.assert_allclose(np.median(found[:, 76:120], axis=(0, 1)), (-2, 0), atol=0.1)


def test_two_who_move_apart_are_told_apart() -> None:
    """The blocks at the seam belong to one side or the other; the rest is not blurred by it."""
    after = np.hstack([grey_view(SIZE, (-2, 0))[:, :64], grey_view(SIZE, (2, 0))[:, 64:]])
    found = displacement_of(BlockMatching(SIZE), grey_view(SIZE), after)[8:-8, :, 0]
    assert np.abs(found[:, 8:56] - 2).mean() < 0.15
    assert np.abs(found[:, 72:120] + 2).mean() < 0.15


def test_noise_leads_nowhere_beyond_the_picture() -> None:
    random = np.random.default_rng(5)
    estimator = BlockMatching(SIZE)
    for _ in range(20):
        before, after = random.integers(0, 256, (2, *SIZE[::-1]), np.uint8)
        found = displacement_of(estimator, before, after)
        assert np.isfinite(found).all()
        # As far as a block may lie outside, and the picture's width.
        assert np.abs(found).max() < SIZE[0] + 16


@pytest.mark.parametrize(
    ("matte_size", "columns", "rows"),
    [
        (MATTE, (-0.25, 0.5), (-0.25, 0.5)),
        ((60, 80), (31.4, 1.1), (-2.2, 0.9)),
        ((1, 1), (63.5, 128.0), (35.5, 72.0)),
    ],
)
def test_both_warp_planes_alike(
    matte_size: Size, columns: tuple[float, float], rows: tuple[float, float]
) -> None:
    ramp = np.linspace(0, 1, matte_size[0] * matte_size[1] * 3, dtype=np.float32)
    planes = np.ascontiguousarray(ramp.reshape(matte_size[1], matte_size[0], 3))
    noise = np.random.default_rng(7).normal(0, 20, (*SIZE[::-1], 2)).astype(np.float32)
    displacement = np.asarray(cv2.blur(noise, (9, 9)), np.float32)
    displacement[:20] = 0
    warped = [make(SIZE).warp(planes, displacement, columns, rows) for make in ESTIMATORS]
    # OpenCV reads its maps in steps of a thirty-second of a pixel, twice; from row to row the ramp
    # grows by its whole range divided by the rows.
    step = 1 / matte_size[1]
    for ours, theirs in zip(*warped, strict=True):
        assert ours.flags.c_contiguous
        np.testing.assert_allclose(ours, theirs, atol=step / 8 + 1e-6)


def test_opencv_replaces_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(flow_estimator(SIZE), BlockMatching)
    monkeypatch.setattr(flow, "has_numba", lambda: False)
    assert isinstance(flow_estimator(SIZE), OpencvFlow)


def pyramid_of(image: Image, index: int = 0) -> FramePyramid:
    return FramePyramid(frame_of(image, index))


def scene(
    shift: Shift = (0, 0), index: int = 0, *, size: Size = LANDSCAPE, seed: int = 1
) -> FramePyramid:
    return pyramid_of(view(texture(size, seed, max(4, min(size) // 45)), shift), index)


def person(size: Size, matte_size: Size, shift: Shift = (0, 0)) -> FloatImage:
    """A disc of person, moved by ``shift`` frame pixels; its edge is 6 matte pixels wide."""
    x = size[0] / size[1] / 2 + shift[0] / size[1]
    y = 0.5 + shift[1] / size[1]
    radius = 0.25 * min(1, size[0] / size[1])
    return disc(matte_size, (x, y), radius, 6 / matte_size[1])


def carrier_of(
    pyramid: FramePyramid, alpha: FloatImage, box: Box | None = None
) -> tuple[FlowCarrier, Matte]:
    matte = plain_matte(alpha, pyramid.frame, box)
    carrier = FlowCarrier(pyramid.size)
    carrier.set_anchor(pyramid, matte)
    return carrier, matte


@pytest.mark.parametrize("shift", [(6, 0), (0, -6), (12, 8), (-24, 12)])
@pytest.mark.parametrize(
    ("size", "matte_size"),
    [(LANDSCAPE, MATTE), (LANDSCAPE, (64, 36)), (PORTRAIT, MATTE[::-1]), (MATTE, MATTE)],
)
def test_the_matte_moves_with_the_picture(size: Size, matte_size: Size, shift: Shift) -> None:
    if size == MATTE:
        shift = (shift[0] // 2, shift[1] // 2)
    start = person(size, matte_size)
    carrier, _ = carrier_of(scene(size=size), start)
    moved = carrier.carry(scene(shift, 3, size=size))
    expected = person(size, matte_size, shift)
    left_behind = np.abs(start - expected).mean()
    # The flow is good to a fifth of a pixel, as is bilinear resampling of an edge of six; where
    # the picture comes in at the border there is nothing to follow.
    assert np.abs(moved.matte.offset - expected).mean() < left_behind / 8
    assert np.abs(moved.matte.coarse - moved.matte.offset).max() < 1e-6


def test_a_matte_of_a_part_of_the_frame_moves_as_far() -> None:
    box, shift = Box(160, 60, 480, 300), (12, -8)

    def cut(shift: Shift) -> FloatImage:
        part = person(LANDSCAPE, LANDSCAPE, shift)[60:300, 160:480]
        return np.asarray(cv2.resize(part, (160, 120), interpolation=cv2.INTER_AREA), np.float32)

    carrier, _ = carrier_of(scene(), cut((0, 0)), box)
    moved = carrier.carry(scene(shift, 1)).matte
    assert moved.box == box
    left_behind = np.abs(cut((0, 0)) - cut(shift)).mean()
    assert np.abs(moved.offset - cut(shift)).mean() < left_behind / 8


def test_a_still_picture_keeps_its_matte() -> None:
    carrier, matte = carrier_of(scene(), person(LANDSCAPE, MATTE))
    carried = carrier.carry(scene(index=1))
    assert carried.residual == 0
    np.testing.assert_allclose(carried.matte.offset, matte.offset, atol=1e-5)


def test_coefficients_are_carried_each_on_its_own() -> None:
    alpha = person(LANDSCAPE, MATTE)
    carrier, matte = carrier_of(scene(), alpha)
    carrier.set_anchor(scene(), replace(matte, gain=3 * alpha, offset=-2 * alpha))
    moved = carrier.carry(scene((12, 8), 1)).matte
    np.testing.assert_allclose(moved.gain, 3 * moved.coarse, atol=1e-5)
    np.testing.assert_allclose(moved.offset, -2 * moved.coarse, atol=1e-5)


def test_a_carried_matte_belongs_to_the_new_frame() -> None:
    carrier, matte = carrier_of(scene(index=2), person(LANDSCAPE, MATTE))
    later = scene((4, 0), 5)
    moved = carrier.carry(later).matte
    assert (moved.frame_index, moved.captured_ns) == (5, later.frame.captured_ns)
    assert moved.origin == "carried"
    assert moved.size == matte.size
    for plane in (moved.gain, moved.offset, moved.coarse):
        assert plane.dtype == np.float32
        assert plane.flags.c_contiguous


def test_what_is_carried_is_always_the_inferred_matte() -> None:
    """So errors do not add up from frame to frame."""
    carrier, matte = carrier_of(scene(), person(LANDSCAPE, MATTE))
    before = matte.offset.copy()
    once = carrier.carry(scene((12, 8), 1))
    carrier.carry(scene((-20, 3), 2))
    again = carrier.carry(scene((12, 8), 3))
    assert carrier.anchor is matte
    assert np.array_equal(matte.offset, before)
    assert np.array_equal(once.matte.offset, again.matte.offset)
    assert once.residual == again.residual


@pytest.mark.parametrize("size", [LANDSCAPE, PORTRAIT])
@pytest.mark.parametrize("shift", [(6, 0), (0, -6), (3, 3)])
def test_a_picture_that_only_shifts_looks_right(size: Size, shift: Shift) -> None:
    carrier, _ = carrier_of(
        scene(size=size), person(size, MATTE if size == LANDSCAPE else (144, 256))
    )
    # What comes in at the border was not there before: 6 of 360 lines are 1.7 % of the picture.
    assert carrier.carry(scene(shift, 1, size=size)).residual < 0.15


@pytest.mark.parametrize("size", [LANDSCAPE, PORTRAIT, (64, 48)])
def test_a_cut_looks_wrong_all_over(size: Size) -> None:
    pyramid = scene(size=size)
    carrier, _ = carrier_of(pyramid, person(size, (64, 36)))
    image = pyramid.frame.image
    for other in (scene(index=1, size=size, seed=2), pyramid_of(255 - image, 1)):
        assert carrier.carry(other).residual > 0.7
    assert carrier.carry(pyramid_of(np.zeros_like(image), 1)).residual > 0.9


def test_the_residual_grows_with_what_is_wrong() -> None:
    pyramid = scene()
    carrier, _ = carrier_of(pyramid, person(LANDSCAPE, MATTE))
    residuals = []
    for side in (0, 30, 60, 120):
        image = pyramid.frame.image.copy()
        image[100 : 100 + side, 250 : 250 + side] = 255 - image[100 : 100 + side, 250 : 250 + side]
        residuals.append(carrier.carry(pyramid_of(image, 1)).residual)
    assert residuals[0] == 0
    assert residuals == sorted(residuals)
    assert residuals[1] > 0
    assert residuals[3] <= 1


def test_without_an_anchor_there_is_nothing_to_carry() -> None:
    forgetful, _ = carrier_of(scene(), person(LANDSCAPE, (64, 36)))
    forgetful.reset()
    for carrier in (FlowCarrier(LANDSCAPE), forgetful):
        assert carrier.anchor is None
        with pytest.raises(ValueError, match="no matte to carry"):
            carrier.carry(scene())


def test_a_frame_of_another_size_is_refused() -> None:
    carrier, _ = carrier_of(scene(), person(LANDSCAPE, (64, 36)))
    with pytest.raises(ValueError, match=r"frame 4 is 360x640, .* 640x360"):
        carrier.carry(FramePyramid(noise_frame(PORTRAIT, index=4)))


def test_anchors_may_change_their_size_and_box() -> None:
    carrier = FlowCarrier(LANDSCAPE)
    for index, (size, box) in enumerate(
        [((64, 36), None), ((128, 72), None), ((64, 36), Box(160, 0, 480, 360)), ((64, 36), None)]
    ):
        pyramid = scene(index=index)
        random = np.random.default_rng(index).uniform(0, 1, (size[1], size[0]))
        matte = plain_matte(random, pyramid.frame, box)
        carrier.set_anchor(pyramid, matte)
        moved = carrier.carry(scene(index=index + 1)).matte
        assert moved.box == matte.box
        np.testing.assert_allclose(moved.offset, matte.offset, atol=1e-4)


@pytest.mark.parametrize(
    "size",
    [(1, 1), (1, 40), (40, 1), (9, 9), (16, 16), (17, 300), (300, 17), (128, 16), (4000, 20)],
)
def test_odd_sizes_are_carried(size: Size) -> None:
    """OpenCV's flow reads outside its memory on pictures that are long and narrow."""
    carrier, _ = carrier_of(FramePyramid(noise_frame(size)), np.full((9, 16), 0.5, np.float32))
    for index in (1, 2):
        moved = carrier.carry(FramePyramid(noise_frame(size, seed=index, index=index)))
        np.testing.assert_allclose(moved.matte.offset, 0.5, atol=1e-5)
        assert 0 <= moved.residual <= 1


def test_the_outline_moves_with_the_person_and_not_with_the_background(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    room, coat = texture(LANDSCAPE, 3, 8), texture(LANDSCAPE, 4, 8)

    def shown(shift: Shift, index: int) -> FramePyramid:
        share = person(LANDSCAPE, LANDSCAPE, shift)[..., None]
        image = np.rint(share * view(coat, shift) + (1 - share) * view(room)).astype(np.uint8)
        return pyramid_of(image, index)

    def error(shift: Shift) -> float:
        carrier, _ = carrier_of(shown((0, 0), 0), person(LANDSCAPE, MATTE))
        carried = carrier.carry(shown(shift, 1)).matte.offset
        return float(np.abs(carried - person(LANDSCAPE, MATTE, shift)).mean())

    shifts = [(16, 0), (0, -12), (-24, 8)]
    following = np.mean([error(shift) for shift in shifts])
    monkeypatch.setattr(flow, "follow_person", lambda displacement, alpha: displacement)
    smooth = np.mean([error(shift) for shift in shifts])
    # Measured: less than a half.
    assert following < 0.7 * smooth
