from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from livebg.compositing.tiles import (
    BACKGROUND,
    MIXED,
    PERSON,
    TILE_PX,
    EdgePlanes,
    MattePlanes,
    Taps,
    classify_tiles,
    taps_of,
)
from livebg.frame import BGR, Box, FloatImage, Frame, FramePyramid, Image, Matte, PixelFormat, Size
from livebg.matting.refinement import with_coefficients
from livebg.pixels.conversion import converted
from tests.support.mattes import (
    disc,
    frame_of,
    full_alpha,
    noise_frame,
    noise_matte,
    plain_matte,
    shrunk,
    upsampled,
)
from tests.support.scenes import SyntheticScene


def plane_of(size: Size) -> FloatImage:
    return np.random.default_rng(0).uniform(0, 1, (size[1], size[0])).astype(np.float32)


def read(plane: FloatImage, taps: Taps) -> NDArray[np.float64]:
    """What the docstring of ``Taps`` promises."""
    i, k = (index.clip(0) for index in (taps.y_index, taps.x_index))
    j = np.minimum(i + 1, plane.shape[0] - 1)
    m = np.minimum(k + 1, plane.shape[1] - 1)
    down, across = taps.y_weight[:, None].astype(float), taps.x_weight.astype(float)
    upper = plane[i][:, k] * (1 - across) + plane[i][:, m] * across
    lower = plane[j][:, k] * (1 - across) + plane[j][:, m] * across
    return np.asarray(upper * (1 - down) + lower * down)


@pytest.mark.parametrize("frame", [(160, 90), (31, 17), (90, 160), (16, 9), (7, 5), (1, 33)])
@pytest.mark.parametrize("plane", [(16, 9), (2, 2), (13, 40)])
def test_taps_of_the_whole_frame_are_those_of_opencvs_resize(frame: Size, plane: Size) -> None:
    values = plane_of(plane)
    expected = cv2.resize(values, frame, interpolation=cv2.INTER_LINEAR)
    found = read(values, taps_of(frame, Box.whole(frame), plane))
    # Single precision leaves 1e-6 of positions up to 100.
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("plane", [(1, 1), (1, 5), (5, 1)])
def test_a_plane_of_one_sample_is_constant_along_that_axis(plane: Size) -> None:
    values = plane_of(plane)
    found = read(values, taps_of((24, 24), Box.whole((24, 24)), plane))
    np.testing.assert_allclose(found, upsampled(values, Box.whole((24, 24)), (24, 24)), atol=1e-6)


@pytest.mark.parametrize("box", [Box(8, 4, 40, 28), Box(7.3, 4.6, 41.9, 20.2)])
def test_a_box_has_taps_inside_and_none_outside(box: Box) -> None:
    frame, plane = (64, 36), (12, 7)
    taps = taps_of(frame, box, plane)
    columns, rows = np.arange(64) + 0.5, np.arange(36) + 0.5
    inside_x = (columns > box.left) & (columns < box.right)
    inside_y = (rows > box.top) & (rows < box.bottom)
    assert np.array_equal(taps.x_index >= 0, inside_x)
    assert np.array_equal(taps.y_index >= 0, inside_y)
    values = plane_of(plane)
    expected = upsampled(values, box, frame)
    inside = np.ix_(inside_y, inside_x)
    np.testing.assert_allclose(read(values, taps)[inside], expected[inside], atol=1e-5)


def test_taps_never_lead_outside_the_plane() -> None:
    for frame in [(1, 1), (2, 3), (640, 360), (17, 301)]:
        for plane in [(1, 1), (2, 1), (256, 144), (3, 5)]:
            taps = taps_of(frame, Box.whole(frame), plane)
            for index, weight, count, samples in (
                (taps.x_index, taps.x_weight, frame[0], plane[0]),
                (taps.y_index, taps.y_weight, frame[1], plane[1]),
            ):
                assert index.dtype == np.int32
                assert weight.dtype == np.float32
                assert index.shape == weight.shape == (count,)
                assert 0 <= index.min() <= index.max() <= max(0, samples - 2)
                assert 0 <= weight.min() <= weight.max() <= 1


SIZES: list[Size] = [(640, 360), (360, 640), (333, 187), (96, 64), (17, 90), (1, 1)]


def per_pixel(tiles: NDArray[np.uint8], frame: Frame) -> NDArray[np.uint8]:
    width, height = frame.size
    return tiles.repeat(TILE_PX, 0).repeat(TILE_PX, 1)[:height, :width]


def assert_bounded(matte: Matte, frame: Frame, levels: float) -> None:
    """No pixel that is more than ``levels`` of 255 from pure lies in a pure tile."""
    alpha = 255 * full_alpha(matte, frame)
    kinds = per_pixel(classify_tiles(matte, FramePyramid(frame)), frame)
    assert alpha[kinds == BACKGROUND].max(initial=0) <= levels
    assert alpha[kinds == PERSON].min(initial=255) >= 255 - levels


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("alpha", "kind"), [(0.0, BACKGROUND), (1.0, PERSON), (0.5, MIXED)])
def test_a_flat_matte_has_tiles_of_one_kind(size: Size, alpha: float, kind: int) -> None:
    frame = noise_frame(size)
    tiles = classify_tiles(plain_matte(np.full((18, 32), alpha), frame), FramePyramid(frame))
    assert tiles.dtype == np.uint8
    assert tiles.shape == (-(-size[1] // 16), -(-size[0] // 16))
    assert (tiles == kind).all()


@pytest.mark.parametrize(
    ("alpha", "kind"),
    [(0.013, BACKGROUND), (0.025, MIXED), (0.975, MIXED), (0.987, PERSON), (-3.0, 0), (4.0, 1)],
)
def test_nearly_pure_is_pure(alpha: float, kind: int) -> None:
    """A network's alpha is rarely exactly 0 or 1; a hundredth is invisible."""
    frame = noise_frame((64, 48))
    tiles = classify_tiles(plain_matte(np.full((9, 16), alpha), frame), FramePyramid(frame))
    assert (tiles == kind).all()


@pytest.mark.parametrize("plane", [(256, 144), (64, 36), (20, 11), (700, 400)])
@pytest.mark.parametrize("size", SIZES)
def test_no_soft_pixel_lies_in_a_pure_tile(size: Size, plane: Size) -> None:
    frame = noise_frame(size)
    for x in (0.2, 0.55, 1.3):
        for softness in (0.01, 0.1):
            matte = plain_matte(disc(plane, (x, 0.6), 0.3, softness), frame)
            # The threshold is 4 levels, on an alpha rounded to whole levels.
            assert_bounded(matte, frame, levels=4.5)


def test_a_single_pixel_of_person_is_seen() -> None:
    frame = noise_frame((640, 360))
    alpha = np.zeros((144, 256))
    for y, x in [(0, 0), (143, 255), (70, 101), (39, 64), (90, 0)]:
        alpha[:] = 0
        alpha[y, x] = 1
        assert_bounded(plain_matte(alpha, frame), frame, levels=4.5)
        assert_bounded(plain_matte(1 - alpha, frame), frame, levels=4.5)


@pytest.mark.parametrize("size", [(640, 360), (333, 187), (200, 320)])
def test_coefficients_are_bounded_by_the_grey_around(size: Size) -> None:
    scene = SyntheticScene(size, frame_count=1)
    frame = scene.read()
    plane = (128, 72) if size[0] > size[1] else (72, 128)
    matte = with_coefficients(
        plain_matte(shrunk(scene.truth(0) / 255, plane), frame), FramePyramid(frame)
    )
    assert np.abs(matte.gain).max() > 1
    # Beside the threshold's 4 levels: the grey of a pixel's surroundings is an average, rounded to
    # a byte, so detail within a pixel of the matte, times the gain, goes beyond what was bounded.
    # Two more levels out of 255 cannot be seen.
    assert_bounded(matte, frame, levels=6)


def test_a_webcam_picture_is_mostly_pure() -> None:
    scene = SyntheticScene((1280, 720), frame_count=1)
    frame = scene.read()
    tiles = classify_tiles(
        plain_matte(shrunk(scene.truth(0) / 255, (256, 144)), frame), FramePyramid(frame)
    )
    # A picture whose every tile is mixed would be right too, but slow.
    assert (tiles == MIXED).mean() < 0.25
    assert (tiles == PERSON).mean() > 0.15
    assert (tiles == BACKGROUND).mean() > 0.3


def test_outside_the_box_is_background_and_its_border_mixed() -> None:
    frame = noise_frame((128, 96))
    tiles = classify_tiles(
        plain_matte(np.ones((8, 8)), frame, Box(16, 24, 80, 80)), FramePyramid(frame)
    )
    assert (tiles[0] == BACKGROUND).all()
    assert (tiles[:, 0] == BACKGROUND).all()
    assert (tiles[:, 5:] == BACKGROUND).all()
    assert (tiles[5:] == BACKGROUND).all()
    assert (tiles[1, 1:5] == MIXED).all()  # the box begins in the middle of this row
    assert (tiles[2:5, 1:5] == PERSON).all()


@pytest.mark.parametrize("box", [Box(3.5, 5.2, 100.1, 90), Box(40, 40, 47, 47), Box(0, 0, 16, 96)])
def test_no_soft_pixel_lies_in_a_pure_tile_of_a_box(box: Box) -> None:
    frame = noise_frame((128, 96))
    for alpha in (np.ones((20, 20)), disc((20, 20), (0.4, 0.5), 0.4, 0.1)):
        assert_bounded(plain_matte(alpha, frame, box), frame, levels=4.5)


KERNEL_SIZES: list[Size] = [(200, 120), (33, 17), (1, 40), (40, 1), (90, 160), (255, 143)]
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

    def _planes(self) -> tuple[Taps, MattePlanes, EdgePlanes]:
        """The plate's taps, the matte and the edge's colours, as the kernels take them."""
        size, matte = self.frame.size, self.matte
        eighth = (max(1, self.colours.shape[1]), max(1, self.colours.shape[0]))
        return (
            taps_of(size, Box.whole(size), (self.plate.shape[1], self.plate.shape[0])),
            MattePlanes(matte.gain, matte.offset, taps_of(size, matte.box, matte.size)),
            EdgePlanes(self.colours, taps_of(size, Box.whole(size), eighth)),
        )

    def blend(
        self,
        kernel: ModuleType,
        tiles: NDArray[np.uint8],
        pixel_format: PixelFormat = BGR,
        *,
        plate_at_hand: bool = False,
    ) -> Image:
        """What is blended, written in a format."""
        rows, matte, edge = self._planes()
        encoded = converted(self.plate, BGR, pixel_format) if plate_at_hand else None
        # Filled with a level of its own, so that a pixel that is left out shows.
        out = np.full(pixel_format.shape(self.frame.size), 77, np.uint8)
        kernel.blend_tiles(
            self.frame.image, self.plate, rows, tiles, matte, edge, out, pixel_format, encoded
        )
        return out

    def run(self, kernel: ModuleType, tiles: NDArray[np.uint8]) -> Composed:
        _, matte, edge = self._planes()
        height, width = self.frame.image.shape[:2]
        alpha = np.full((height, width), 77, np.uint8)
        cutout = np.full((height, width, 4), 77, np.uint8)
        kernel.matte_tiles(self.frame.image, tiles, matte, alpha)
        kernel.cutout_tiles(self.frame.image, tiles, matte, edge, cutout)
        return Composed(alpha, self.blend(kernel, tiles), cutout)

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


@pytest.fixture(params=["kernel", "tiles"])
def kernel(request: pytest.FixtureRequest) -> ModuleType:
    if request.param == "kernel":
        pytest.importorskip("numba")
    return import_module(f"livebg.compositing.{request.param}")


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
@pytest.mark.parametrize("size", KERNEL_SIZES)
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
    tiles = classify_tiles(matte, FramePyramid(frame))
    assert len(np.unique(tiles)) == 3
    compiled, plain = (
        case.run(import_module(f"livebg.compositing.{name}"), tiles) for name in ("kernel", "tiles")
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
        case.blend(import_module(f"livebg.compositing.{name}"), tiles, pixel_format)
        for name in ("kernel", "tiles")
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


_PROGRAM = """
import sys
import numpy as np
from livebg.compositing import kernel
from livebg.compositing.tiles import EdgePlanes, MattePlanes, taps_of
from livebg.frame import Box

frame = np.zeros((32, 48, 3), np.uint8)
tiles = np.array([[0, 1, 2], [2, 2, 0]], np.uint8)
plane = np.ones((4, 6), np.float32)
taps = taps_of((48, 32), Box(0, 0, 48, 32), (6, 4))
matte = MattePlanes(plane, plane, taps)
edge = EdgePlanes(np.zeros((4, 6, 6), np.float32), taps)
if sys.argv[1] == "matte":
    kernel.matte_tiles(frame, tiles, matte, np.empty((32, 48), np.uint8))
else:
    out = np.empty((32, 48, 4), np.uint8)
    kernel.cutout_tiles(frame, tiles, matte, edge, out)
"""


@pytest.mark.integration
def test_a_second_process_may_compile_what_the_first_did_not(tmp_path: Path) -> None:
    """Both share functions; numba finds those of the first process in its cache on disk."""
    environment = {**os.environ, "LIVEBG_CACHE": str(tmp_path)}
    for function in ("matte", "cutout", "matte"):
        subprocess.run(
            [sys.executable, "-c", _PROGRAM, function], env=environment, check=True, timeout=120
        )
    assert any(tmp_path.rglob("*.nbi"))
