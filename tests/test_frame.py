from __future__ import annotations

import numpy as np
import pytest

from livebg.frame import BGR, Box, Composite, Frame, FramePyramid, Image, Matte, PixelFormat, Size
from tests.support.mattes import noise_frame

RGB = PixelFormat("rgb")
I420 = PixelFormat("i420", "bt709")
NV12 = PixelFormat("nv12", "bt601")
YUY2 = PixelFormat("yuy2", "bt601")


@pytest.mark.parametrize(
    ("pixel_format", "shape"),
    [(BGR, (6, 8, 3)), (RGB, (6, 8, 3)), (I420, (9, 8)), (NV12, (9, 8)), (YUY2, (6, 8, 2))],
)
def test_size_and_shape_are_of_each_other(
    pixel_format: PixelFormat, shape: tuple[int, ...]
) -> None:
    image = np.zeros(shape, np.uint8)
    assert pixel_format.shape((8, 6)) == shape
    assert pixel_format.size(image) == (8, 6)
    assert pixel_format.fits(image)
    assert not pixel_format.fits(image.astype(np.uint16))
    assert not pixel_format.fits(image.reshape(-1))


@pytest.mark.parametrize(
    ("pixel_format", "size"),
    [(BGR, (7, 5)), (RGB, (7, 5)), (I420, (6, 4)), (NV12, (6, 4)), (YUY2, (6, 5))],
)
def test_what_is_halved_is_even(pixel_format: PixelFormat, size: Size) -> None:
    assert pixel_format.held_size((7, 5)) == size
    assert pixel_format.holds(size)
    assert pixel_format.holds((7, 5)) == (size == (7, 5))


def test_only_bgr_may_have_alpha_and_planes_must_add_up() -> None:
    image = np.zeros((6, 8, 4), np.uint8)
    assert BGR.fits(image)
    assert not RGB.fits(image)
    assert not I420.fits(image)
    assert not I420.fits(np.zeros((8, 8), np.uint8))
    assert not YUY2.fits(np.zeros((6, 7, 2), np.uint8))


def test_luma_needs_a_matrix_and_rgb_has_none() -> None:
    with pytest.raises(ValueError, match="i420 with the colour matrix None is no format"):
        PixelFormat("i420")
    with pytest.raises(ValueError, match="rgb with the colour matrix bt601 is no format"):
        PixelFormat("rgb", "bt601")


def noise(size: Size) -> Image:
    return noise_frame(size).image


def pyramid_of(image: Image) -> FramePyramid:
    return FramePyramid(Frame(image, index=4, captured_ns=5))


def flat_matte(alpha: float, box: Box, size: Size = (16, 9)) -> Matte:
    offset = np.full((size[1], size[0]), alpha, np.float32)
    return Matte(np.zeros_like(offset), offset, offset, box, frame_index=4, captured_ns=5)


def test_sizes_are_width_by_height() -> None:
    box = Box(2.5, 4, 12, 10)
    assert (box.width, box.height) == (9.5, 6)
    assert Box.whole((64, 48)) == Box(0, 0, 64, 48)
    pyramid = pyramid_of(noise((64, 48)))
    assert pyramid.size == (64, 48)
    assert Composite(pyramid.frame.image, 0, 0).size == (64, 48)
    assert flat_matte(1, Box.whole((64, 48))).size == (16, 9)


def test_halving_averages_two_by_two_pixels() -> None:
    image = noise((12, 8))
    mean = image.reshape(4, 2, 6, 2, 3).mean(axis=(1, 3))
    # Half a level is what rounding to bytes leaves.
    assert np.abs(pyramid_of(image).halved(1) - mean).max() <= 0.5


@pytest.mark.parametrize(
    ("size", "times", "expected"),
    [((101, 67), 2, (25, 16)), ((1, 5), 2, (1, 1)), ((3, 1), 4, (1, 1)), ((64, 48), 0, (64, 48))],
)
def test_halves_are_rounded_down_but_never_vanish(size: Size, times: int, expected: Size) -> None:
    assert pyramid_of(noise(size)).halved(times).shape == (expected[1], expected[0], 3)


def test_every_size_is_computed_once() -> None:
    pyramid = pyramid_of(noise((64, 48)))
    box = Box(8, 8, 40, 40)
    assert pyramid.halved(2) is pyramid.halved(2)
    assert pyramid.scaled((20, 15)) is pyramid.scaled((20, 15))
    assert pyramid.scaled((20, 15), box) is pyramid.scaled((20, 15), box)
    assert pyramid.scaled((20, 15)) is not pyramid.scaled((20, 15), box)
    assert pyramid.scaled((16, 12)) is pyramid.halved(2)
    assert pyramid.halved(0) is pyramid.frame.image
    assert pyramid.scaled((64, 48)) is pyramid.frame.image


@pytest.mark.parametrize("size", [(20, 15), (16, 12), (5, 31), (1, 1), (130, 100), (64, 12)])
def test_scaling_keeps_a_gradient_in_its_place(size: Size) -> None:
    width, height = 64, 48

    def gradient(across: int, down: int) -> np.ndarray:
        x, y = (np.arange(across) + 0.5) / across, (np.arange(down) + 0.5) / down
        return np.dstack(np.broadcast_arrays(200 * x, 200 * y[:, None], 55 + 0 * x))

    scaled = pyramid_of(np.rint(gradient(width, height)).astype(np.uint8)).scaled(size)
    assert scaled.shape == (size[1], size[0], 3)
    # A step of the gradient is 3 and 4 levels: a shift by a whole pixel would show. At an enlarged
    # picture's border the outermost pixel is repeated: half a step, and rounding.
    assert np.abs(scaled - gradient(*size)).max() <= 3


def test_scaling_down_does_not_alias() -> None:
    stripes = np.zeros((48, 64, 3), np.uint8)
    stripes[:, ::2] = 200
    for size in [(32, 24), (16, 12), (15, 11), (9, 5)]:
        # The stripes average to 100; a last step that is no whole number of pixels wide leaves a
        # remainder of the halved picture, which is flat already.
        assert np.abs(pyramid_of(stripes).scaled(size).astype(int) - 100).max() <= 1


def test_a_box_is_cut_out_where_it_lies() -> None:
    image = np.zeros((48, 64, 3), np.uint8)
    image[16:32, 40:56] = 210
    pyramid = pyramid_of(image)
    assert (pyramid.scaled((8, 8), Box(40, 16, 56, 32)) == 210).all()
    assert (pyramid.scaled((16, 16), Box(40, 16, 56, 32)) == 210).all()
    left_half = pyramid.scaled((8, 8), Box(32, 16, 48, 32))
    assert (left_half[:, :4] == 0).all()
    assert (left_half[:, 4:] == 210).all()


def test_a_box_smaller_than_a_pixel_is_that_pixel() -> None:
    image = noise((64, 48))
    found = pyramid_of(image).scaled((3, 2), Box(10.1, 20.1, 10.4, 20.3))
    assert (found == image[20, 10]).all()


def test_alpha_is_gain_times_grey_plus_offset() -> None:
    image = np.full((18, 32, 3), (30, 60, 120), np.uint8)  # grey: 70 / 255
    gain, offset = np.full((9, 16), 2, np.float32), np.full((9, 16), -0.25, np.float32)
    matte = Matte(gain, offset, offset, Box.whole((32, 18)), 4, 5)
    alpha = matte.small_alpha(pyramid_of(image))
    assert alpha.dtype == np.float32
    np.testing.assert_allclose(alpha, 2 * 70 / 255 - 0.25, atol=1e-6)


@pytest.mark.parametrize(("offset", "alpha"), [(-3.0, 0.0), (4.0, 1.0)])
def test_alpha_stays_between_0_and_1(offset: float, alpha: float) -> None:
    pyramid = pyramid_of(noise((32, 18)))
    matte = flat_matte(offset, Box.whole(pyramid.size))
    assert (matte.small_alpha(pyramid) == alpha).all()
    assert (matte.alpha_over(pyramid, (4, 2)) == alpha).all()


def test_small_alpha_looks_at_the_boxs_part_of_the_frame() -> None:
    image = np.zeros((48, 64, 3), np.uint8)
    image[16:32, 40:56] = 255
    ones = np.ones((8, 8), np.float32)
    matte = Matte(ones, 0 * ones, ones, Box(40, 16, 56, 32), 4, 5)
    assert (matte.small_alpha(pyramid_of(image)) == 1).all()


def test_alpha_over_places_the_box_rightly() -> None:
    pyramid = pyramid_of(noise((80, 64)))
    alpha = flat_matte(0.75, Box(16, 8, 48, 40)).alpha_over(pyramid, (10, 8))
    expected = np.zeros((8, 10))
    expected[1:5, 2:6] = 0.75
    np.testing.assert_allclose(alpha, expected, atol=1e-6)


@pytest.mark.parametrize(
    "box",
    [Box(79.5, 0, 80, 64), Box(0, 63.9, 80, 64), Box(77, 61, 80, 64), Box(3.3, 2.2, 3.4, 2.3)],
)
def test_alpha_over_takes_a_sliver_at_the_border(box: Box) -> None:
    pyramid = pyramid_of(noise((80, 64)))
    alpha = flat_matte(1.0, box).alpha_over(pyramid, (10, 8))
    assert alpha.shape == (8, 10)
    assert set(np.unique(alpha)) <= {0.0, 1.0}


@pytest.mark.parametrize(("size", "box"), [((16, 12), None), ((12, 8), Box(4, 4, 56, 40))])
def test_soft_grey_is_grey_from_a_quarter_of_the_picture(size: Size, box: Box | None) -> None:
    smooth = np.add.outer(np.arange(48.0), np.arange(64.0))[..., None].repeat(3, axis=2)
    pyramid = pyramid_of(smooth.astype(np.uint8))
    assert np.abs(pyramid.soft_grey(size, box) - pyramid.grey(size, box)).max() < 1.5 / 255


def test_soft_grey_does_not_soften_what_is_asked_for_next() -> None:
    image, size, box = noise((64, 48)), (12, 10), Box(8, 8, 40, 40)
    softened = pyramid_of(image)
    softened.soft_grey(size, box)
    assert (softened.grey(size, box) == pyramid_of(image).grey(size, box)).all()
    assert (softened.scaled(size, box) == pyramid_of(image).scaled(size, box)).all()
    assert (softened.soft_grey(size, box) != softened.grey(size, box)).any()


def test_smaller_pictures_are_made_of_the_given_quarter() -> None:
    quarter = np.full((12, 16, 3), 9, np.uint8)
    pyramid = FramePyramid(Frame(noise((64, 48)), 0, 0), quarter)
    assert (pyramid.halved(3) == 9).all()
    assert (pyramid.halved(1) != 9).any()
