import numpy as np
import pytest

from livebg.sink.overlay import draw_overlay
from livebg.types import Size


@pytest.mark.parametrize("level", [0, 128, 255])
@pytest.mark.parametrize("size", [(320, 180), (1280, 720), (3840, 2160)])
def test_text_stands_out_on_any_picture(level: int, size: Size) -> None:
    image = np.full((size[1], size[0], 3), level, np.uint8)
    drawn = draw_overlay(image, ["30.0 frames/s", "latency 12 ms"])
    height, width = size[1] // 4, size[0] // 3
    corner = drawn[:height, :width]
    # WCAG asks for 4.5:1 between text and ground; white on 0.3 * 255 = 76 has about 8:1.
    assert corner.max() >= 250
    assert np.percentile(corner, 10) <= 77
    assert (drawn[size[1] // 2 :] == level).all()


def test_no_lines_leave_the_picture_alone() -> None:
    image = np.zeros((90, 160, 3), np.uint8)
    assert draw_overlay(image, []) is image


def test_the_picture_itself_is_not_altered() -> None:
    image = np.full((90, 160, 3), 255, np.uint8)
    draw_overlay(image, ["text"])
    assert (image == 255).all()


def test_what_does_not_fit_is_cut_off() -> None:
    image = np.full((48, 64, 3), 255, np.uint8)
    drawn = draw_overlay(image, ["a line much longer than the picture is wide"] * 20)
    assert drawn.shape == image.shape


def test_letters_that_the_font_lacks_are_question_marks() -> None:
    image = np.zeros((360, 640, 3), np.uint8)
    assert np.array_equal(draw_overlay(image, ["Küche"]), draw_overlay(image, ["K?che"]))
