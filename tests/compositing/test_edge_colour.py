import numpy as np
import pytest
from numpy.typing import NDArray

from livebg.compositing.edge_colour import EDGE_HALVINGS, edge_colours
from livebg.frame import Box, FloatImage, Frame, FramePyramid, Size
from tests.support.mattes import disc, frame_of, noise_frame, shrunk, upsampled

SIZE: Size = (320, 180)
EIGHTH: Size = (40, 22)


def gradient(size: Size, first: tuple[int, ...], last: tuple[int, ...]) -> NDArray[np.float64]:
    """A picture that goes from one colour to another, left to right."""
    share = ((np.arange(size[0]) + 0.5) / size[0])[None, :, None]
    line = (1 - share) * np.array(first, float) + share * np.array(last, float)
    return np.broadcast_to(line, (size[1], size[0], 3))


PERSON = gradient(SIZE, (40, 60, 200), (90, 130, 220))
ROOM = gradient(SIZE, (220, 200, 60), (120, 240, 90))


def mixture(alpha: FloatImage) -> Frame:
    weight = alpha[..., None]
    return frame_of(np.rint(weight * PERSON + (1 - weight) * ROOM).astype(np.uint8))


def full_size(colours: FloatImage) -> NDArray[np.float64]:
    planes = [np.ascontiguousarray(colours[..., c]) for c in range(colours.shape[2])]
    return np.dstack([upsampled(plane, Box.whole(SIZE), SIZE) for plane in planes])


@pytest.mark.parametrize(("softness", "gain"), [(0.03, 5), (0.1, 4), (0.2, 2)])
def test_the_persons_colour_is_recovered_from_a_known_mixture(softness: float, gain: float) -> None:
    alpha = disc(SIZE, (0.9, 0.6), 0.3, softness)
    frame = mixture(alpha)
    both = full_size(edge_colours(FramePyramid(frame), shrunk(alpha, EIGHTH)))
    person, room = both[..., :3], both[..., 3:]
    weight = alpha[..., None]
    # Forte & Pitie 2021, eq. 6: what the compositing kernel does with the two.
    cleaned = person + weight * (frame.image - weight * person - (1 - weight) * room)
    band = (alpha > 0.05) & (alpha < 0.95)
    left_alone = np.abs(frame.image - PERSON)[band].mean()
    assert left_alone > 40
    # The windows are 72 pixels wide: the band must be narrower for both colours to be in them.
    assert np.abs(cleaned - PERSON)[band].mean() < left_alone / gain


def test_beside_the_edge_both_colours_are_known() -> None:
    alpha = disc(SIZE, (0.9, 0.6), 0.3, 0.01)
    both = full_size(edge_colours(FramePyramid(mixture(alpha)), shrunk(alpha, EIGHTH)))
    inside = (alpha == 1) & (disc(SIZE, (0.9, 0.6), 0.25, 0.01) == 0)
    outside = (alpha == 0) & (disc(SIZE, (0.9, 0.6), 0.35, 0.01) == 1)
    # Alpha at an eighth of the size mixes a share of either side into the other's mean.
    assert np.abs(both[..., :3] - PERSON)[inside].mean() < 12
    assert np.abs(both[..., 3:] - ROOM)[outside].mean() < 12


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_a_flat_picture_has_its_own_colour_on_both_sides(alpha: float) -> None:
    frame = frame_of(np.full((180, 320, 3), (10, 120, 250), np.uint8))
    both = edge_colours(FramePyramid(frame), np.full(EIGHTH[::-1], alpha, np.float32))
    np.testing.assert_allclose(both, np.broadcast_to([10, 120, 250] * 2, both.shape), atol=0.01)


@pytest.mark.parametrize("size", [(320, 180), (333, 187), (9, 100), (3, 2), (1, 1)])
def test_it_is_an_eighth_of_the_frame_in_range(size: Size) -> None:
    frame = noise_frame(size)
    height, width = FramePyramid(frame).halved(EDGE_HALVINGS).shape[:2]
    random = np.random.default_rng(0)
    both = edge_colours(
        FramePyramid(frame), random.uniform(0, 1, (height, width)).astype(np.float32)
    )
    assert both.shape == (height, width, 6)
    assert both.dtype == np.float32
    # Sums of 81 float32 products: a mean of 255 may come out a little above.
    assert -0.01 <= both.min() <= both.max() <= 255.01
