"""Both movers, one compiled and one of OpenCV's, see the same and move the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from livebg.frame import Box, FloatImage, Frame, FramePyramid, Image, Matte, Size
from livebg.matting import flow
from livebg.matting.block_matching import PatchMover
from livebg.matting.flow import FlowCarrier, Mover, OpencvMover, Placement, mover_for
from tests.support.mattes import disc, frame_of, noise_frame, plain_matte

SIZE: Size = (128, 72)
_BORDER_PX = 16

MOVERS: list[Callable[[Size], Mover]] = [PatchMover, lambda size: OpencvMover()]


def scene(size: Size, seed: int = 1) -> NDArray[np.float32]:
    """Smooth blobs with a border to shift into."""
    width, height = size[0] + 2 * _BORDER_PX, size[1] + 2 * _BORDER_PX
    coarse = np.random.default_rng(seed).uniform(20, 235, (height // 5, width // 5))
    blobs = cv2.resize(coarse.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(blobs, 0, 255), np.float32)


def view(blobs: NDArray[np.float32], size: Size, shift: tuple[float, float]) -> NDArray[np.uint8]:
    """The scene as it looks when everything has moved by ``shift``: right and down."""
    way = np.array([[1, 0, shift[0] - _BORDER_PX], [0, 1, shift[1] - _BORDER_PX]], np.float64)
    return np.asarray(np.rint(cv2.warpAffine(blobs, way, size)), np.uint8)


def displacement_of(
    mover: Mover, before: NDArray[np.uint8], after: NDArray[np.uint8]
) -> FloatImage:
    mover.set_anchor(before)
    return mover.displacement(after)


@pytest.mark.parametrize("make", MOVERS)
@pytest.mark.parametrize("size", [SIZE, (72, 128), (33, 61), (32, 32)])
@pytest.mark.parametrize("shift", [(0.5, 0.0), (-2.0, 1.0), (3.3, -2.6)])
def test_a_shift_is_found(
    make: Callable[[Size], Mover], size: Size, shift: tuple[float, float]
) -> None:
    blobs = scene(size)
    found = displacement_of(make(size), view(blobs, size, (0, 0)), view(blobs, size, shift))
    assert found.shape == (size[1], size[0], 2)
    assert found.dtype == np.float32
    # What comes in at the border was not there before; elsewhere a tenth of a pixel is a hundredth
    # of the picture's width.
    inner = found[8:-8, 8:-8]
    np.testing.assert_allclose(np.median(inner, axis=(0, 1)), (-shift[0], -shift[1]), atol=0.1)


@pytest.mark.parametrize("make", MOVERS)
def test_brightness_is_no_motion(make: Callable[[Size], Mover]) -> None:
    before = view(scene(SIZE), SIZE, (0, 0))
    brighter = cv2.add(before // 2, np.full_like(before, 60))
    found = displacement_of(make(SIZE), before // 2, np.asarray(brighter, np.uint8))
    assert np.abs(found).max() < 0.05


def test_a_resting_part_does_not_move_at_all() -> None:
    """Exactly: that is what makes it cheap, and what keeps a still matte from shimmering."""
    blobs = scene(SIZE)
    before = view(blobs, SIZE, (0, 0))
    after = before.copy()
    after[:, 64:] = view(blobs, SIZE, (2, 0))[:, 64:]
    noise = np.random.default_rng(3).normal(0, 0.5, after.shape)
    after = np.clip(np.rint(after + noise), 0, 255).astype(np.uint8)
    found = displacement_of(PatchMover(SIZE), before, after)
    assert not found[:, :52].any()
    np.testing.assert_allclose(np.median(found[:, 76:120], axis=(0, 1)), (-2, 0), atol=0.1)


def test_two_who_move_apart_are_told_apart() -> None:
    """The patches at the seam belong to one side or the other; the rest is not blurred by it."""
    blobs = scene(SIZE)
    before = view(blobs, SIZE, (0, 0))
    after = np.hstack([view(blobs, SIZE, (-2, 0))[:, :64], view(blobs, SIZE, (2, 0))[:, 64:]])
    found = displacement_of(PatchMover(SIZE), before, after)[8:-8, :, 0]
    assert np.abs(found[:, 8:56] - 2).mean() < 0.15
    assert np.abs(found[:, 72:120] + 2).mean() < 0.15


@pytest.mark.parametrize("make", MOVERS)
def test_flat_pictures_have_no_motion(make: Callable[[Size], Mover]) -> None:
    black, white = np.zeros(SIZE[::-1], np.uint8), np.full(SIZE[::-1], 255, np.uint8)
    assert not displacement_of(make(SIZE), black, white).any()


def test_noise_leads_nowhere_beyond_the_picture() -> None:
    random = np.random.default_rng(5)
    mover = PatchMover(SIZE)
    for _ in range(20):
        mover.set_anchor(random.integers(0, 256, SIZE[::-1], np.uint8))
        found = mover.displacement(random.integers(0, 256, SIZE[::-1], np.uint8))
        assert np.isfinite(found).all()
        # As far as a patch may lie outside, and the picture's width.
        assert np.abs(found).max() < SIZE[0] + 16


@pytest.mark.parametrize(
    ("matte_size", "placement"),
    [
        ((256, 144), Placement(0.5, 0.5, -0.25, -0.25)),
        ((60, 80), Placement(1.1, 0.9, 31.4, -2.2)),
        ((1, 1), Placement(128.0, 72.0, 63.5, 35.5)),
    ],
)
def test_both_move_planes_alike(matte_size: Size, placement: Placement) -> None:
    random = np.random.default_rng(7)
    ramp = np.linspace(0, 1, matte_size[0] * matte_size[1] * 3, dtype=np.float32)
    planes = np.ascontiguousarray(ramp.reshape(matte_size[1], matte_size[0], 3))
    noise = random.normal(0, 20, (*SIZE[::-1], 2)).astype(np.float32)
    displacement = np.asarray(cv2.blur(noise, (9, 9)), np.float32)
    displacement[:20] = 0
    moved = [make(SIZE).moved(planes, displacement, placement) for make in MOVERS]
    # OpenCV reads its maps in steps of a thirty-second of a pixel, twice; from row to row the ramp
    # grows by its whole range divided by the rows.
    step = 1 / matte_size[1]
    for ours, theirs in zip(*moved, strict=True):
        assert ours.flags.c_contiguous
        np.testing.assert_allclose(ours, theirs, atol=step / 8 + 1e-6)


def test_opencv_replaces_a_missing_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(mover_for(SIZE), PatchMover)
    monkeypatch.setattr(flow, "has_numba", lambda: False)
    assert isinstance(mover_for(SIZE), OpencvMover)


LANDSCAPE: Size = (640, 360)
_FLOW_BORDER_PX = 60

Shift = tuple[int, int]


def texture(size: Size, seed: int = 1) -> Image:
    """Smooth blobs, some 8 pixels wide at 360 lines, with a border to shift into."""
    width, height = size[0] + 2 * _FLOW_BORDER_PX, size[1] + 2 * _FLOW_BORDER_PX
    blob_px = max(4, min(size) // 45)
    coarse = np.random.default_rng(seed).uniform(
        0, 255, (height // blob_px + 1, width // blob_px + 1, 3)
    )
    image = cv2.resize(coarse.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(image, 0, 255).astype(np.uint8)


def view_flow(scene: Image, size: Size, shift: Shift = (0, 0), index: int = 0) -> Frame:
    """The scene as it looks when everything has moved by ``shift``: right and down."""
    left, top = _FLOW_BORDER_PX - shift[0], _FLOW_BORDER_PX - shift[1]
    return frame_of(scene[top : top + size[1], left : left + size[0]], index)


def person(size: Size, matte_size: Size, shift: Shift = (0, 0)) -> FloatImage:
    """A disc of person, moved by ``shift`` frame pixels; its edge is 6 matte pixels wide."""
    x = size[0] / size[1] / 2 + shift[0] / size[1]
    y = 0.5 + shift[1] / size[1]
    radius = 0.25 * min(1, size[0] / size[1])
    return disc(matte_size, (x, y), radius, 6 / matte_size[1])


def carrier_of(frame: Frame, matte: Matte) -> FlowCarrier:
    carrier = FlowCarrier(frame.size)
    carrier.set_anchor(FramePyramid(frame), matte)
    return carrier


@pytest.mark.parametrize("shift", [(6, 0), (0, -6), (12, 8), (-24, 12)])
@pytest.mark.parametrize(
    ("size", "matte_size"),
    [
        (LANDSCAPE, (256, 144)),
        (LANDSCAPE, (64, 36)),
        ((360, 640), (144, 256)),
        ((256, 144), (256, 144)),
    ],
)
def test_the_matte_moves_with_the_picture(size: Size, matte_size: Size, shift: Shift) -> None:
    scene = texture(size)
    if size == (256, 144):
        shift = (shift[0] // 2, shift[1] // 2)
    start = person(size, matte_size)
    frame = view_flow(scene, size)
    moved = carrier_of(frame, plain_matte(start, frame)).carry(
        FramePyramid(view_flow(scene, size, shift, index=3))
    )
    expected = person(size, matte_size, shift)
    left_behind = np.abs(start - expected).mean()
    error = np.abs(moved.matte.offset - expected).mean()
    # The flow is good to a fifth of a pixel, as is bilinear resampling of an edge of six; where
    # the picture comes in at the border there is nothing to follow.
    assert error < left_behind / 8
    assert np.abs(moved.matte.coarse - moved.matte.offset).max() < 1e-6


def test_a_matte_of_a_part_of_the_frame_moves_as_far() -> None:
    scene, box = texture(LANDSCAPE), Box(160, 60, 480, 300)
    shift = (12, -8)

    def cut(shift: Shift) -> FloatImage:
        whole = person(LANDSCAPE, LANDSCAPE, shift)
        part = whole[60:300, 160:480]
        return np.asarray(cv2.resize(part, (160, 120), interpolation=cv2.INTER_AREA), np.float32)

    frame = view_flow(scene, LANDSCAPE)
    carrier = carrier_of(frame, plain_matte(cut((0, 0)), frame, box))
    moved = carrier.carry(FramePyramid(view_flow(scene, LANDSCAPE, shift, index=1))).matte
    assert moved.box == box
    left_behind = np.abs(cut((0, 0)) - cut(shift)).mean()
    assert np.abs(moved.offset - cut(shift)).mean() < left_behind / 8


def test_a_still_picture_keeps_its_matte() -> None:
    scene = texture(LANDSCAPE)
    frame = view_flow(scene, LANDSCAPE)
    matte = plain_matte(person(LANDSCAPE, (256, 144)), frame)
    carried = carrier_of(frame, matte).carry(FramePyramid(view_flow(scene, LANDSCAPE, index=1)))
    assert carried.residual == 0
    np.testing.assert_allclose(carried.matte.offset, matte.offset, atol=1e-5)


def test_coefficients_are_carried_each_on_its_own() -> None:
    scene = texture(LANDSCAPE)
    frame = view_flow(scene, LANDSCAPE)
    alpha = person(LANDSCAPE, (256, 144))
    matte = replace(plain_matte(alpha, frame), gain=3 * alpha, offset=-2 * alpha)
    moved = (
        carrier_of(frame, matte)
        .carry(FramePyramid(view_flow(scene, LANDSCAPE, (12, 8), index=1)))
        .matte
    )
    np.testing.assert_allclose(moved.gain, 3 * moved.coarse, atol=1e-5)
    np.testing.assert_allclose(moved.offset, -2 * moved.coarse, atol=1e-5)


def test_a_carried_matte_belongs_to_the_new_frame() -> None:
    scene = texture(LANDSCAPE)
    frame = view_flow(scene, LANDSCAPE, index=2)
    matte = plain_matte(person(LANDSCAPE, (256, 144)), frame)
    labels = np.zeros((144, 256), np.uint8)
    carrier = carrier_of(frame, replace(matte, labels=labels))
    later = view_flow(scene, LANDSCAPE, (4, 0), index=5)
    moved = carrier.carry(FramePyramid(later)).matte
    assert (moved.frame_index, moved.captured_ns) == (5, later.captured_ns)
    assert moved.origin == "carried"
    assert moved.size == matte.size
    for plane in (moved.gain, moved.offset, moved.coarse):
        assert plane.dtype == np.float32
        assert plane.flags.c_contiguous
    # What is carried is always the matte that was inferred: errors do not add up.
    assert carrier.anchor is not None
    assert carrier.anchor.frame_index == 2


def test_the_anchor_is_not_changed_by_carrying() -> None:
    scene = texture(LANDSCAPE)
    frame = view_flow(scene, LANDSCAPE)
    matte = plain_matte(person(LANDSCAPE, (256, 144)), frame)
    before = matte.offset.copy()
    carrier = carrier_of(frame, matte)
    once = carrier.carry(FramePyramid(view_flow(scene, LANDSCAPE, (12, 8), index=1)))
    carrier.carry(FramePyramid(view_flow(scene, LANDSCAPE, (-20, 3), index=2)))
    again = carrier.carry(FramePyramid(view_flow(scene, LANDSCAPE, (12, 8), index=3)))
    assert np.array_equal(matte.offset, before)
    assert np.array_equal(once.matte.offset, again.matte.offset)
    assert once.residual == again.residual


@pytest.mark.parametrize("size", [LANDSCAPE, (360, 640)])
def test_a_picture_that_only_shifts_looks_right(size: Size) -> None:
    scene = texture(size)
    frame = view_flow(scene, size)
    matte_size = (256, 144) if size == LANDSCAPE else (144, 256)
    carrier = carrier_of(frame, plain_matte(person(size, matte_size), frame))
    # What comes in at the border was not there before: 6 of 360 lines are 1.7 % of the picture.
    for shift in [(6, 0), (0, -6), (3, 3)]:
        assert carrier.carry(FramePyramid(view_flow(scene, size, shift, index=1))).residual < 0.15


@pytest.mark.parametrize("size", [LANDSCAPE, (360, 640), (64, 48)])
def test_a_cut_looks_wrong_all_over(size: Size) -> None:
    frame = view_flow(texture(size), size)
    carrier = carrier_of(frame, plain_matte(person(size, (64, 36)), frame))
    for other in (view_flow(texture(size, seed=2), size, index=1), frame_of(255 - frame.image, 1)):
        assert carrier.carry(FramePyramid(other)).residual > 0.7
    black = frame_of(np.zeros_like(frame.image), 1)
    assert carrier.carry(FramePyramid(black)).residual > 0.9


def test_the_residual_grows_with_what_is_wrong() -> None:
    scene = texture(LANDSCAPE)
    frame = view_flow(scene, LANDSCAPE)
    carrier = carrier_of(frame, plain_matte(person(LANDSCAPE, (256, 144)), frame))
    residuals = []
    for side in (0, 30, 60, 120):
        image = frame.image.copy()
        image[100 : 100 + side, 250 : 250 + side] = 255 - image[100 : 100 + side, 250 : 250 + side]
        residuals.append(carrier.carry(FramePyramid(frame_of(image, 1))).residual)
    assert residuals[0] == 0
    assert residuals == sorted(residuals)
    assert residuals[1] > 0
    assert residuals[3] <= 1


def test_without_an_anchor_there_is_nothing_to_carry() -> None:
    frame = noise_frame(LANDSCAPE)
    carrier = FlowCarrier(LANDSCAPE)
    assert carrier.anchor is None
    with pytest.raises(ValueError, match="no matte to carry"):
        carrier.carry(FramePyramid(frame))
    carrier.set_anchor(FramePyramid(frame), plain_matte(person(LANDSCAPE, (64, 36)), frame))
    carrier.carry(FramePyramid(frame))
    carrier.reset()
    assert carrier.anchor is None
    with pytest.raises(ValueError, match="no matte to carry"):
        carrier.carry(FramePyramid(frame))


def test_a_frame_of_another_size_is_refused() -> None:
    frame = noise_frame(LANDSCAPE)
    carrier = carrier_of(frame, plain_matte(person(LANDSCAPE, (64, 36)), frame))
    with pytest.raises(ValueError, match=r"frame 4 is 360x640, .* 640x360"):
        carrier.carry(FramePyramid(noise_frame((360, 640), index=4)))


def test_anchors_may_change_their_size_and_box() -> None:
    scene = texture(LANDSCAPE)
    carrier = FlowCarrier(LANDSCAPE)
    for index, (size, box) in enumerate(
        [((64, 36), None), ((128, 72), None), ((64, 36), Box(160, 0, 480, 360)), ((64, 36), None)]
    ):
        frame = view_flow(scene, LANDSCAPE, index=index)
        random = np.random.default_rng(index).uniform(0, 1, (size[1], size[0]))
        matte = plain_matte(random, frame, box)
        carrier.set_anchor(FramePyramid(frame), matte)
        moved = carrier.carry(FramePyramid(view_flow(scene, LANDSCAPE, index=index + 1))).matte
        assert moved.box == matte.box
        np.testing.assert_allclose(moved.offset, matte.offset, atol=1e-4)


@pytest.mark.parametrize(
    "size",
    [(1, 1), (1, 40), (40, 1), (9, 9), (16, 16), (17, 300), (300, 17), (128, 16), (4000, 20)],
)
def test_odd_sizes_are_carried(size: Size) -> None:
    """OpenCV's flow reads outside its memory on pictures that are long and narrow."""
    frame = noise_frame(size)
    matte = plain_matte(np.full((9, 16), 0.5), frame)
    carrier = carrier_of(frame, matte)
    for index in (1, 2):
        moved = carrier.carry(FramePyramid(noise_frame(size, seed=index, index=index)))
        np.testing.assert_allclose(moved.matte.offset, 0.5, atol=1e-5)
        assert 0 <= moved.residual <= 1


def test_the_outline_moves_with_the_person_and_not_with_the_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    room, coat = texture(LANDSCAPE, seed=3), texture(LANDSCAPE, seed=4)

    def shown(shift: Shift, index: int) -> Frame:
        share = person(LANDSCAPE, LANDSCAPE, shift)[..., None]
        before, behind = view_flow(coat, LANDSCAPE, shift).image, view_flow(room, LANDSCAPE).image
        image = np.rint(share * before + (1 - share) * behind).astype(np.uint8)
        return frame_of(image, index)

    def error(shift: Shift) -> float:
        start = shown((0, 0), 0)
        carrier = carrier_of(start, plain_matte(person(LANDSCAPE, (256, 144)), start))
        carried = carrier.carry(FramePyramid(shown(shift, 1))).matte.offset
        return float(np.abs(carried - person(LANDSCAPE, (256, 144), shift)).mean())

    shifts = [(16, 0), (0, -12), (-24, 8)]
    following = np.mean([error(shift) for shift in shifts])
    monkeypatch.setattr("livebg.matting.flow.following", lambda displacement, alpha: displacement)
    smooth = np.mean([error(shift) for shift in shifts])
    # Measured: less than a half.
    assert following < 0.7 * smooth
