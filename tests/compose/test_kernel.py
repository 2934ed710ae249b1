from importlib import import_module
from types import ModuleType
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from livebg.compose.sampling import taps_of
from livebg.compose.tiles import BACKGROUND, MIXED, PERSON, TILE_PX, classify_tiles
from livebg.pixel_format import BGR, PixelFormat
from livebg.pixels.conversion import converted
from livebg.source.synthetic import SyntheticScene
from livebg.types import Box, FloatImage, Frame, Image, Matte, Size
from tests.mattes import (
    disc,
    frame_of,
    full_alpha,
    noise_frame,
    noise_matte,
    plain_matte,
    shrunk,
    upsampled,
)

SIZES: list[Size] = [(200, 120), (33, 17), (1, 40), (40, 1), (90, 160), (255, 143)]
NO_COLOURS = np.zeros((0, 0, 6), np.float32)


class Composed(NamedTuple):
    """What the three functions of a kernel make of one frame."""

    alpha: Image
    blend: Image
    cutout: Image


class Case:
    """A frame, its matte, a plate and the edge's colours."""

    def __init__(
        self, frame: Frame, matte: Matte, *, colours: bool, plate_rows: int | None = None
    ) -> None:
        self.frame, self.matte = frame, matte
        self.plate = noise_frame((frame.size[0], plate_rows or frame.size[1]), seed=9).image
        small = (max(1, frame.size[1] // 8), max(1, frame.size[0] // 8), 6)
        random = np.random.default_rng(3)
        self.colours: FloatImage = (
            random.uniform(0, 255, small).astype(np.float32) if colours else NO_COLOURS
        )

    @property
    def all_mixed(self) -> NDArray[np.uint8]:
        width, height = self.frame.size
        return np.full((-(-height // TILE_PX), -(-width // TILE_PX)), MIXED, np.uint8)

    def blend(
        self,
        kernel: ModuleType,
        tiles: NDArray[np.uint8],
        pixel_format: PixelFormat,
        *,
        plate_at_hand: bool = False,
    ) -> Image:
        """What is blended, written in a format."""
        size = self.frame.size
        whole = Box.whole(size)
        eighth = (max(1, self.colours.shape[1]), max(1, self.colours.shape[0]))
        out = np.full(pixel_format.shape(size), 77, np.uint8)
        kernel.blend_tiles(
            self.frame.image,
            self.plate,
            taps_of(size, whole, (self.plate.shape[1], self.plate.shape[0])),
            tiles,
            self.matte.gain,
            self.matte.offset,
            taps_of(size, self.matte.box, self.matte.size),
            self.colours,
            taps_of(size, whole, eighth),
            out,
            pixel_format,
            converted(self.plate, BGR, pixel_format) if plate_at_hand else None,
        )
        return out

    def run(self, kernel: ModuleType, tiles: NDArray[np.uint8]) -> Composed:
        size, shape = self.frame.size, self.frame.image.shape[:2]
        taps = taps_of(size, self.matte.box, self.matte.size)
        eighth = (max(1, self.colours.shape[1]), max(1, self.colours.shape[0]))
        matte = (self.matte.gain, self.matte.offset, taps)
        edge = (self.colours, taps_of(size, Box.whole(size), eighth))
        # Filled with a level of its own, so that a pixel that is left out shows.
        out = Composed(*(np.full((*shape, *more), 77, np.uint8) for more in ((), (3,), (4,))))
        kernel.matte_tiles(self.frame.image, tiles, *matte, out.alpha)
        rows = taps_of(size, Box.whole(size), (self.plate.shape[1], self.plate.shape[0]))
        kernel.blend_tiles(self.frame.image, self.plate, rows, tiles, *matte, *edge, out.blend)
        kernel.cutout_tiles(self.frame.image, tiles, *matte, *edge, out.cutout)
        return out

    def expected(self) -> Composed:
        """The formulas, at every pixel, in double precision."""
        alpha = full_alpha(self.matte, self.frame)
        weight = alpha[..., None]
        pixels = self.frame.image.astype(float)
        if self.colours.size:
            whole = Box.whole(self.frame.size)
            planes = [upsampled(self.colours[..., c], whole, self.frame.size) for c in range(6)]
            person, room = np.dstack(planes[:3]), np.dstack(planes[3:])
            pixels = person + weight * (pixels - weight * person - (1 - weight) * room)
            pixels = np.rint(np.clip(pixels, 0, 255))
        level = np.rint(255 * alpha)
        taps = taps_of(self.frame.size, Box.whole(self.frame.size), self.plate.shape[1::-1])
        below = np.minimum(taps.y_index + 1, self.plate.shape[0] - 1)
        share = np.rint(256 * taps.y_weight)[:, None, None] / 256
        plate = (1 - share) * self.plate[taps.y_index] + share * self.plate[below]
        blend = np.rint(weight * pixels + (1 - weight) * plate)
        cutout = np.dstack([np.where(level[..., None] > 0, pixels, 0), level])
        return Composed(*(plane.astype(np.uint8) for plane in (level, blend, cutout)))


@pytest.fixture(params=["kernel", "kernel_numpy"])
def kernel(request: pytest.FixtureRequest) -> ModuleType:
    if request.param == "kernel":
        pytest.importorskip("numba")
    return import_module(f"livebg.compose.{request.param}")


def assert_same(found: Composed, expected: Composed) -> None:
    """To within a level: single and double precision may round to either side of a half."""
    for one, other in zip(found[:2], expected[:2], strict=True):
        assert np.abs(one.astype(int) - other).max() <= 1
    levels, others = found.cutout[..., 3].astype(int), expected.cutout[..., 3]
    assert np.abs(levels - others).max() <= 1
    # An alpha at the half between level 0, where the colour is hidden, and 1, may go either way.
    seen = (levels > 0) & (others > 0)
    difference = found.cutout[..., :3].astype(int) - expected.cutout[..., :3]
    assert np.abs(difference[seen]).max(initial=0) <= 1


def part_of(size: Size) -> Box:
    width, height = size
    return Box(0.2 * width, 0.3 * height, 0.8 * width + 0.3, 0.9 * height)


@pytest.mark.parametrize("colours", [True, False])
@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("size", SIZES)
def test_it_is_the_formula(kernel: ModuleType, size: Size, whole: bool, colours: bool) -> None:
    frame = noise_frame(size)
    matte = noise_matte(frame, box=None if whole else part_of(size))
    case = Case(frame, matte, colours=colours)
    assert_same(case.run(kernel, case.all_mixed), case.expected())


def test_a_matte_of_one_pixel_and_one_larger_than_the_frame(kernel: ModuleType) -> None:
    frame = noise_frame((40, 24))
    for size in [(1, 1), (1, 7), (90, 50)]:
        case = Case(frame, noise_matte(frame, size), colours=True)
        assert_same(case.run(kernel, case.all_mixed), case.expected())


@pytest.mark.parametrize("plate_rows", [1, 2, 7, 12])
def test_a_plate_may_have_fewer_rows(kernel: ModuleType, plate_rows: int) -> None:
    frame = noise_frame((71, 50))
    case = Case(frame, noise_matte(frame), colours=False, plate_rows=plate_rows)
    assert_same(case.run(kernel, case.all_mixed), case.expected())


@pytest.mark.parametrize("colours", [True, False])
def test_both_kernels_agree_on_a_real_looking_matte(colours: bool) -> None:
    pytest.importorskip("numba")
    scene = SyntheticScene((333, 190), frame_count=1)
    frame = scene.read()
    matte = plain_matte(shrunk(scene.truth(0) / 255, (128, 72)), frame)
    case = Case(frame, matte, colours=colours)
    tiles = classify_tiles(matte, frame)
    assert len(np.unique(tiles)) == 3
    compiled, plain = (
        case.run(import_module(f"livebg.compose.{name}"), tiles)
        for name in ("kernel", "kernel_numpy")
    )
    assert_same(compiled, plain)


def test_pure_tiles_are_copied_and_mixed_ones_are_not(kernel: ModuleType) -> None:
    frame = noise_frame((71, 50))
    case = Case(frame, noise_matte(frame), colours=True)
    tiles = np.random.default_rng(2).integers(0, 3, case.all_mixed.shape).astype(np.uint8)
    found, mixed = case.run(kernel, tiles), case.run(kernel, case.all_mixed)
    kinds = tiles.repeat(TILE_PX, 0).repeat(TILE_PX, 1)[:50, :71]
    background, person = kinds == BACKGROUND, kinds == PERSON
    assert (found.alpha[background] == 0).all()
    assert (found.alpha[person] == 255).all()
    assert np.array_equal(found.blend[background], case.plate[background])
    assert np.array_equal(found.blend[person], frame.image[person])
    assert (found.cutout[background] == 0).all()
    assert np.array_equal(found.cutout[person][:, :3], frame.image[person])
    assert (found.cutout[person][:, 3] == 255).all()
    for one, other in zip(found, mixed, strict=True):
        assert np.array_equal(one[kinds == MIXED], other[kinds == MIXED])


FORMATS = [
    BGR,
    PixelFormat("rgb"),
    PixelFormat("i420", "bt601"),
    PixelFormat("i420", "bt709"),
    PixelFormat("nv12", "bt601"),
    PixelFormat("yuy2", "bt601"),
]


@pytest.mark.parametrize(("plate_rows", "plate_at_hand"), [(None, True), (None, False), (7, False)])
@pytest.mark.parametrize("pixel_format", FORMATS, ids=str)
def test_written_in_a_format_it_is_what_conversion_makes_of_it(
    kernel: ModuleType, pixel_format: PixelFormat, plate_rows: int | None, plate_at_hand: bool
) -> None:
    """The last column and row of tiles are cut off in the middle."""
    frame = noise_frame((90, 54))
    case = Case(frame, noise_matte(frame), colours=True, plate_rows=plate_rows)
    tiles = np.random.default_rng(2).integers(0, 3, case.all_mixed.shape).astype(np.uint8)
    expected = converted(case.run(kernel, tiles).blend, BGR, pixel_format)
    found = case.blend(kernel, tiles, pixel_format, plate_at_hand=plate_at_hand)
    # Without numba the mean of four pixels may be rounded to the other side.
    assert np.abs(found.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("pixel_format", FORMATS[1:], ids=str)
def test_both_kernels_agree_in_every_format(pixel_format: PixelFormat) -> None:
    pytest.importorskip("numba")
    frame = noise_frame((62, 34))
    case = Case(frame, noise_matte(frame), colours=True)
    tiles = np.random.default_rng(6).integers(0, 3, case.all_mixed.shape).astype(np.uint8)
    compiled, plain = (
        case.blend(import_module(f"livebg.compose.{name}"), tiles, pixel_format)
        for name in ("kernel", "kernel_numpy")
    )
    # A level of blue, green and red each, and of rounding their mean.
    assert np.abs(compiled.astype(int) - plain).max() <= 2
    assert (np.abs(compiled.astype(int) - plain) > 1).mean() < 1e-3


@pytest.mark.parametrize("colours", [True, False])
def test_nothing_of_the_room_hides_under_an_alpha_of_0(kernel: ModuleType, colours: bool) -> None:
    frame = frame_of(np.full((90, 160, 3), (10, 200, 90), np.uint8))
    matte = plain_matte(disc((32, 18), (0.9, 0.5), 0.3, 0.2), frame)
    case = Case(frame, matte, colours=colours)
    cutout = case.run(kernel, case.all_mixed).cutout
    hidden = cutout[..., 3] == 0
    assert 0.2 < hidden.mean() < 0.9
    assert (cutout[hidden] == 0).all()
    assert (cutout[~hidden][:, :3].max(axis=1) > 0).all()


def test_where_alpha_is_1_the_frame_stays_as_it_is(kernel: ModuleType) -> None:
    """Cleaning the edge's colours leaves solid parts alone."""
    frame = noise_frame((64, 48))
    case = Case(frame, plain_matte(np.ones((9, 16)), frame), colours=True)
    found = case.run(kernel, case.all_mixed)
    assert np.array_equal(found.blend, frame.image)
    assert np.array_equal(found.cutout[..., :3], frame.image)


def test_a_picture_that_may_not_be_written_to_is_taken(kernel: ModuleType) -> None:
    frame = noise_frame((64, 48))
    assert not frame.image.flags.writeable
    case = Case(frame, noise_matte(frame), colours=False)
    case.plate.flags.writeable = False
    assert_same(case.run(kernel, case.all_mixed), case.expected())
