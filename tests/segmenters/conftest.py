"""A clip for segmenters that crop the frame."""

import numpy as np
import pytest

from livebg.frame import Frame, FramePyramid
from tests.support.mattes import frame_of


@pytest.fixture(scope="session")
def small_person(talking_head_frames: list[Frame]) -> list[Frame]:
    """The clip's first frames at half their size, in the lower right of a plain wall of 960x528."""
    wall = np.full((528, 960, 3), talking_head_frames[0].image[5, 5], np.uint8)
    placed = []
    for frame in talking_head_frames:
        image = wall.copy()
        image[-180:, 560:880] = FramePyramid(frame).halved(1)
        placed.append(frame_of(image, frame.index))
    return placed
