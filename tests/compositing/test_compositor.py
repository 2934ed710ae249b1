from dataclasses import replace

import numpy as np
import pytest

from livebg.compositing import compositor, tiles
from livebg.compositing.backgrounds import (
    BlurPlate,
    Plate,
    StillPlate,
    TransparentPlate,
    UnfilteredPlate,
)
from livebg.compositing.compositor import Compositor, compositing_kernel
from livebg.compositing.edge_colour import edge_colours
from livebg.frame import (
    BGR,
    Box,
    Composite,
    FloatImage,
    Frame,
    FramePyramid,
    Image,
    Matte,
    PixelFormat,
    Size,
)
from livebg.pixels.conversion import converted
from tests.support.mattes import disc, full_alpha, noise_frame, plain_matte

GREEN = (20, 200, 40)
FRAME = noise_frame((150, 90), index=7)
PLATES = [StillPlate.of_colour(*GREEN), TransparentPlate(), UnfilteredPlate()]


def person(frame: Frame = FRAME, box: Box | None = None) -> Matte:
    return plain_matte(disc((64, 36), (0.8, 0.6), 0.3, 0.1), frame, box)


def compose(
    plate: Plate | Compositor,
    matte: Matte | None = None,
    *,
    frame: Frame = FRAME,
    colours: bool = False,
    want: bool = True,
    pixel_format: PixelFormat = BGR,
) -> Composite:
    matte = matte or person(frame)
    pyramid = FramePyramid(frame)
    height, width = pyramid.halved(3).shape[:2]
    alpha = matte.alpha_over(pyramid, (width, height))
    compositor = Compositor(plate) if isinstance(plate, Plate) else plate
    return compositor.compose(
        pyramid,
        matte,
        alpha,
        colours=edge_colours(pyramid, alpha) if colours else None,
        want_alpha=want,
        pixel_format=pixel_format,
    )


@pytest.mark.parametrize("colours", [True, False])
@pytest.mark.parametrize("box", [None, Box(30, 20, 110, 80)])
def test_the_person_is_in_front_of_the_plate(box: Box | None, colours: bool) -> None:
    matte = person(box=box)
    composite = compose(StillPlate.of_colour(*GREEN), matte, colours=colours)
    alpha = full_alpha(matte, FRAME)
    image = composite.image
    assert (image[alpha == 0] == GREEN).all()
    assert np.array_equal(image[alpha == 1], FRAME.image[alpha == 1])
    if not colours:
        expected = alpha[..., None] * FRAME.image + (1 - alpha[..., None]) * GREEN
        # Tiles with no alpha above 4 of 255 count as background: that, and rounding.
        assert np.abs(image - expected).max() <= 5


def test_it_carries_the_frames_index_and_time() -> None:
    composite = compose(StillPlate.of_colour(*GREEN))
    assert (composite.index, composite.captured_ns) == (FRAME.index, FRAME.captured_ns)
    assert not composite.private


@pytest.mark.parametrize("plate", PLATES)
def test_a_matte_of_another_frame_is_refused(plate: Plate) -> None:
    stale = replace(person(), frame_index=6)
    with pytest.raises(ValueError, match="the matte of frame 6 is not frame 7's"):
        compose(plate, stale)


def test_none_is_the_frame_as_it_is() -> None:
    composite = compose(UnfilteredPlate())
    assert composite.image is FRAME.image
    assert composite.alpha is not None
    assert np.abs(composite.alpha / 255 - full_alpha(person(), FRAME)).max() < 5 / 255


@pytest.mark.parametrize("colours", [True, False])
def test_transparent_has_straight_alpha_and_hides_nothing(colours: bool) -> None:
    composite = compose(TransparentPlate(), colours=colours)
    assert composite.image.shape == (90, 150, 4)
    level = composite.image[..., 3]
    assert composite.alpha is not None
    assert np.array_equal(level, composite.alpha)
    assert (composite.image[level == 0] == 0).all()
    solid = level == 255
    assert np.abs(composite.image[solid][:, :3].astype(int) - FRAME.image[solid]).max() <= 1


def test_the_alpha_is_the_one_that_was_used() -> None:
    """White over black shows the alpha."""
    white = Frame(np.full((90, 150, 3), 255, np.uint8), 7, 0)
    composite = compose(StillPlate.of_colour(0, 0, 0), frame=white)
    assert composite.alpha is not None
    assert len(np.unique(composite.alpha)) > 20
    assert np.array_equal(composite.image[..., 0], composite.alpha)


@pytest.mark.parametrize("plate", PLATES)
def test_alpha_is_there_only_when_asked_for(plate: Plate) -> None:
    assert compose(plate, want=False).alpha is None
    with_alpha = compose(plate)
    assert with_alpha.alpha is not None
    assert with_alpha.alpha.dtype == np.uint8
    assert with_alpha.alpha.shape == (90, 150)
    assert np.array_equal(with_alpha.image, compose(plate, want=False).image)


def test_composites_do_not_share_memory() -> None:
    compositor = Compositor(StillPlate.of_colour(*GREEN))
    first, second = compose(compositor), compose(compositor)
    assert not np.shares_memory(first.image, second.image)
    assert not np.shares_memory(first.image, FRAME.image)


def test_one_compositor_takes_frames_and_mattes_of_changing_sizes() -> None:
    """Boxes and sizes change more often here than the compositor remembers."""
    compositor = Compositor(StillPlate.of_colour(*GREEN))
    for turn in range(30):
        frame = noise_frame((60 + turn, 90 - turn), index=turn)
        matte = plain_matte(np.ones((9, 10 + turn)), frame, Box(turn, 0, 60, 50))
        composite = compose(compositor, matte, frame=frame)
        assert np.array_equal(composite.image[:50, turn:60], frame.image[:50, turn:60])
        assert (composite.image[50:] == GREEN).all()


I420 = PixelFormat("i420", "bt709")


@pytest.mark.parametrize("plate", [StillPlate.of_colour(*GREEN), BlurPlate(40)])
def test_a_composite_comes_in_the_format_that_is_wanted(plate: Plate) -> None:
    compositor = Compositor(plate)
    for _ in range(3):
        found = compose(compositor, pixel_format=I420)
        assert (found.pixel_format, found.size) == (I420, FRAME.size)
        expected = converted(compose(compositor).image, BGR, I420)
        # The numpy kernel and a plate that is converted by itself may round the other way.
        assert np.abs(found.image.astype(int) - expected).max() <= 1


def test_a_plate_is_never_taken_for_another() -> None:
    plates = [np.full((*FRAME.image.shape[:2], 3), level, np.uint8) for level in (0, 255)]

    class Turns(Plate):
        turn = 0

        def render(self, pyramid: FramePyramid, alpha: FloatImage) -> Image:
            self.turn += 1
            return plates[self.turn // 3 % 2]

    compositor = Compositor(Turns())
    nobody = plain_matte(np.zeros((9, 16)), FRAME)
    formats = [I420, PixelFormat("i420", "bt601"), BGR, PixelFormat("yuy2", "bt601")]
    for turn in range(1, 30):
        wanted = formats[turn // 2 % 4]
        found = compose(compositor, nobody, pixel_format=wanted)
        expected = converted(plates[turn // 3 % 2], BGR, wanted)
        assert np.array_equal(found.image, expected)


@pytest.mark.parametrize(
    ("plate", "size"),
    [(TransparentPlate(), (150, 90)), (UnfilteredPlate(), (150, 90)), (PLATES[0], (151, 91))],
)
def test_cutouts_frames_and_odd_sizes_stay_bgr(plate: Plate, size: Size) -> None:
    made = compose(plate, frame=noise_frame(size), pixel_format=I420)
    assert made.pixel_format == BGR
    assert made.size == size
    assert BGR.fits(made.image)


class ClosingPlate(Plate):
    closed = 0

    def render(self, pyramid: FramePyramid, alpha: FloatImage) -> Image:
        return np.zeros_like(pyramid.frame.image)

    def close(self) -> None:
        self.closed += 1


def test_closing_closes_the_plate() -> None:
    plate = ClosingPlate()
    compositor = Compositor(plate)
    compositor.close()
    assert plate.closed == 1
    Compositor(TransparentPlate()).close()


def test_the_plate_gets_the_alpha() -> None:
    """A blur that does not know where the person is lets the person bleed."""
    composite = compose(BlurPlate(100), plain_matte(np.zeros((9, 16)), FRAME))
    plate = BlurPlate(100).render(FramePyramid(FRAME), np.zeros((11, 18), np.float32))
    assert np.array_equal(composite.image, plate)


class ThreeRows(Plate):
    """Black above, grey in the middle, white below."""

    def render(self, pyramid: FramePyramid, alpha: FloatImage) -> Image:
        return np.full((3, pyramid.size[0], 3), np.array([0, 100, 200])[:, None, None], np.uint8)


def test_a_plate_with_few_rows_is_spread_over_the_frame() -> None:
    nobody = plain_matte(np.zeros((9, 16)), FRAME)
    column = compose(ThreeRows(), nobody).image[:, 0, 0]
    # The rows' centres lie at 15, 45 and 75 of 90 pixels.
    expected = np.interp(np.arange(90) + 0.5, [15, 45, 75], [0, 100, 200])
    # Weights are whole 256ths of 100 levels, and the result is rounded.
    assert np.abs(column - expected).max() < 0.8


def test_without_numba_it_composes_with_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compositor, "has_numba", lambda: False)
    assert compositing_kernel() is tiles
    composite = compose(StillPlate.of_colour(*GREEN), colours=True)
    assert (composite.image[full_alpha(person(), FRAME) == 0] == GREEN).all()
