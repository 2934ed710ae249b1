"""Both movers, one compiled and one of OpenCV's, see the same and move the same."""

import importlib
import sys
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from livebg.temporal.mover import Mover, OpencvMover, Placement, mover_for
from livebg.temporal.patch_mover import PatchMover
from livebg.types import FloatImage, Size

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


def test_opencv_stands_in_for_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(mover_for(SIZE), PatchMover)
    for name in ("livebg.temporal.patch_mover", "livebg.temporal.patches", "livebg.pixels.jit"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(ImportError):
        importlib.import_module("livebg.pixels.jit")
    assert isinstance(mover_for(SIZE), OpencvMover)
