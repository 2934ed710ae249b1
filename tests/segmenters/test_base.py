import pytest

from livebg.frame import Size
from livebg.segmenters.base import fit_input_size


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        ((1280, 720), (256, 144)),
        ((720, 1280), (144, 256)),
        ((640, 360), (256, 144)),
        ((640, 480), (224, 160)),
        ((500, 500), (192, 192)),
        ((64, 64), (192, 192)),
    ],
)
def test_the_input_has_the_frames_shape_and_the_wanted_pixels(frame: Size, expected: Size) -> None:
    assert fit_input_size(frame, (256, 144)) == expected


@pytest.mark.parametrize("frame", [(8192, 16), (16, 8192), (1, 1), (1921, 1081)])
def test_both_sides_are_multiples_of_16_and_never_nothing(frame: Size) -> None:
    for side in fit_input_size(frame, (256, 144)):
        assert side >= 16
        assert side % 16 == 0
