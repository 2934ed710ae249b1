from importlib import import_module

import av
import cv2
import numpy as np
import pytest
from av.video.frame import VideoFrame

from livebg.frame import BGR, ColourMatrix, Image, PixelFormat, PixelLayout, Size
from livebg.pixels import conversion
from livebg.pixels.conversion import converted
from tests.support.mattes import noise_frame

MATRICES: list[ColourMatrix] = ["bt601", "bt709"]
LAYOUTS: list[PixelLayout] = ["i420", "nv12", "yuy2"]
HALVED = [PixelFormat(layout, matrix) for matrix in MATRICES for layout in LAYOUTS]
ALL = [*HALVED, PixelFormat("rgb")]


def smooth(size: Size = (96, 64)) -> Image:
    """All colours, none of which changes within four pixels: chroma may be taken anywhere there."""
    small = np.random.default_rng(5).integers(0, 256, (size[1] // 4, size[0] // 4, 3))
    return np.kron(small, np.ones((4, 4, 1))).astype(np.uint8)


@pytest.fixture(params=["numba", "numpy"])
def encoding(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have ``converted`` use one or the other."""
    if request.param == "numba":
        pytest.importorskip("numba")
    monkeypatch.setattr(conversion, "has_numba", lambda: request.param == "numba")


def planes(image: Image, pixel_format: PixelFormat) -> tuple[Image, Image, Image]:
    """Y, U and V, taken apart by the definition of the layout."""
    width, height = pixel_format.size(image)
    flat = image.reshape(-1)
    if pixel_format.layout == "yuy2":
        pairs = flat.reshape(height, width // 2, 4)
        return image[..., 0], pairs[..., 1], pairs[..., 3]
    luma, chroma = flat[: height * width].reshape(height, width), flat[height * width :]
    if pixel_format.layout == "nv12":
        return luma, chroma[0::2].reshape(height // 2, -1), chroma[1::2].reshape(height // 2, -1)
    u, v = np.split(chroma, 2)
    return luma, u.reshape(height // 2, -1), v.reshape(height // 2, -1)


def by_the_standard(image: Image, pixel_format: PixelFormat) -> tuple[Image, Image, Image]:
    """Y, U and V in double precision, from the luma's equation alone."""
    red, blue = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722)}[str(pixel_format.matrix)]
    down = 1 if pixel_format.layout == "yuy2" else 2
    height, width = image.shape[:2]
    mean = image.reshape(height // down, down, width // 2, 2, 3).mean(axis=(1, 3))

    def luma_of(bgr: np.ndarray) -> np.ndarray:
        return blue * bgr[..., 0] + (1 - red - blue) * bgr[..., 1] + red * bgr[..., 2]

    y = 16 + 219 / 255 * luma_of(image.astype(float))
    u = 128 + 224 / 255 * (mean[..., 0] - luma_of(mean)) / (1 - blue) / 2
    v = 128 + 224 / 255 * (mean[..., 2] - luma_of(mean)) / (1 - red) / 2
    return np.rint(y).astype(np.uint8), np.rint(u).astype(np.uint8), np.rint(v).astype(np.uint8)


@pytest.mark.parametrize("pixel_format", HALVED, ids=str)
@pytest.mark.parametrize("size", [(2, 2), (34, 18), (160, 90)])
def test_it_is_the_standards_equation(
    encoding: None, size: Size, pixel_format: PixelFormat
) -> None:
    image = noise_frame(size).image
    found = planes(converted(image, BGR, pixel_format), pixel_format)
    for plane, expected in zip(found, by_the_standard(image, pixel_format), strict=True):
        # Whole 256ths of the weights, and the mean of four pixels rounded once more.
        assert np.abs(plane.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("pixel_format", HALVED, ids=str)
def test_black_white_and_grey_are_exact(encoding: None, pixel_format: PixelFormat) -> None:
    for level, luma in ((0, 16), (255, 235), (128, 126)):
        image = np.full((4, 6, 3), level, np.uint8)
        y, u, v = planes(converted(image, BGR, pixel_format), pixel_format)
        assert (y == luma).all()
        assert (u == 128).all()
        assert (v == 128).all()


@pytest.mark.parametrize("pixel_format", ALL, ids=str)
def test_both_ways_of_encoding_agree(pixel_format: PixelFormat) -> None:
    pytest.importorskip("numba")
    image = noise_frame((62, 34)).image
    compiled = import_module("livebg.pixels.encoding").encode(image, pixel_format)
    plain = conversion.encode_with_numpy(image, pixel_format)
    assert compiled.flags.c_contiguous
    assert plain.flags.c_contiguous
    # They round ties of a mean to different sides.
    assert np.abs(compiled.astype(int) - plain).max() <= 1


def test_opencv_makes_the_same_of_bt601(encoding: None) -> None:
    image = smooth()
    found = converted(image, BGR, PixelFormat("i420", "bt601"))
    expected = cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420)
    assert np.abs(found.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_ffmpeg_makes_the_same(encoding: None, layout: PixelLayout, matrix: ColourMatrix) -> None:
    """FFmpeg weights neighbours when it halves, so only the middles of even areas compare."""
    image = np.kron(smooth((24, 16)), np.ones((4, 4, 1), np.uint8))
    pixel_format = PixelFormat(layout, matrix)
    name = {"i420": "yuv420p", "nv12": "nv12", "yuy2": "yuyv422"}[str(layout)]
    theirs = VideoFrame.from_ndarray(image, format="bgr24").reformat(
        format=name,
        dst_colorspace={"bt601": 5, "bt709": 1}[matrix],
        dst_color_range=av.video.reformatter.ColorRange.MPEG,
    )
    packed = np.asarray(theirs.to_ndarray(), np.uint8).reshape(pixel_format.shape((96, 64)))
    expected = planes(packed, pixel_format)
    found = planes(converted(image, BGR, pixel_format), pixel_format)
    for plane, other in zip(found, expected, strict=True):
        across, down = 16 * plane.shape[1] // 96, 16 * plane.shape[0] // 64
        middles = np.s_[down // 2 :: down, across // 2 :: across]
        # FFmpeg rounds twice, to its intermediate 15 bits and to 8.
        assert np.abs(plane[middles].astype(int) - other[middles]).max() <= 2


@pytest.mark.parametrize("pixel_format", ALL, ids=str)
def test_it_comes_back(encoding: None, pixel_format: PixelFormat) -> None:
    image = smooth()
    back = converted(converted(image, BGR, pixel_format), pixel_format, BGR)
    # A level of chroma is up to 2.1 levels of blue; luma and chroma are both rounded.
    assert np.abs(back.astype(int) - image).max() <= 4


def test_from_one_halved_format_to_another(encoding: None) -> None:
    image = smooth()
    i420, nv12 = PixelFormat("i420", "bt601"), PixelFormat("nv12", "bt709")
    found = converted(converted(image, BGR, i420), i420, nv12)
    expected = converted(image, BGR, nv12)
    # Four levels of the detour through BGR, as above.
    assert np.abs(found.astype(int) - expected).max() <= 4


@pytest.mark.parametrize("pixel_format", [BGR, *ALL], ids=str)
def test_a_picture_in_the_wanted_format_is_handed_on(pixel_format: PixelFormat) -> None:
    image = np.zeros(pixel_format.shape((8, 6)), np.uint8)
    assert converted(image, pixel_format, pixel_format) is image


@pytest.mark.parametrize("pixel_format", HALVED, ids=str)
def test_odd_sizes_cannot_be_halved(pixel_format: PixelFormat) -> None:
    with pytest.raises(ValueError, match="a picture of 7x5 cannot be halved"):
        converted(noise_frame((7, 5)).image, BGR, pixel_format)


def test_rgb_takes_any_size(encoding: None) -> None:
    image = noise_frame((7, 5)).image
    assert np.array_equal(converted(image, BGR, PixelFormat("rgb")), image[..., ::-1])
