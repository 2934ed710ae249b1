import numpy as np
import pytest

from livebg.pixel_format import BGR, PixelFormat
from livebg.types import Size

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


def test_bgr_may_have_alpha_and_nothing_else_may() -> None:
    image = np.zeros((6, 8, 4), np.uint8)
    assert BGR.fits(image)
    assert not RGB.fits(image)
    assert not I420.fits(image)


def test_a_picture_whose_planes_do_not_add_up_does_not_fit() -> None:
    assert not I420.fits(np.zeros((8, 8), np.uint8))
    assert not YUY2.fits(np.zeros((6, 7, 2), np.uint8))


def test_luma_needs_a_matrix_and_rgb_has_none() -> None:
    with pytest.raises(ValueError, match="i420 with the colour matrix None is no format"):
        PixelFormat("i420")
    with pytest.raises(ValueError, match="rgb with the colour matrix bt601 is no format"):
        PixelFormat("rgb", "bt601")
