from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from livebg.clock import NS_PER_S
from livebg.models.rvm_graph import state_shapes
from livebg.segment.rvm import RvmNetwork, RvmSegmenter
from livebg.types import Box, FloatImage, Frame, Image, Size

FRAME: Size = (640, 352)
INPUT: Size = (128, 80)
ROOM, PERSON = 90, 220


@dataclass
class SeesBrightThings(RvmNetwork):
    """Takes what is bright for a person, and remembers how bright everything was."""

    size: Size
    looks: int = 0
    planes: list[FloatImage] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.forget()

    @property
    def input_size(self) -> Size:
        return self.size

    @property
    def state(self) -> list[FloatImage]:
        return self.planes

    def load_state(self, planes: Sequence[FloatImage]) -> None:
        self.planes = [plane.copy() for plane in planes]

    def forget(self) -> None:
        self.planes = [np.zeros(shape[1:], np.float32) for shape in state_shapes(self.size)]

    def infer(self, picture: Image) -> tuple[FloatImage, FloatImage, FloatImage]:
        self.looks += 1
        grey = picture[..., 0].astype(np.float32)
        for plane in self.planes:
            plane[:] = cv2.resize(grey, plane.shape[:0:-1], interpolation=cv2.INTER_AREA)
        alpha = (grey > (ROOM + PERSON) / 2).astype(np.float32)
        return np.zeros_like(alpha), alpha, alpha

    def close(self) -> None:
        pass


def shown(left: int, index: int) -> Frame:
    image = np.full((FRAME[1], FRAME[0], 3), ROOM, np.uint8)
    image[160:, left : left + 120] = PERSON
    return Frame(image, index, index * NS_PER_S // 30)


def test_what_the_box_comes_to_cover_is_remembered() -> None:
    networks: dict[Size, SeesBrightThings] = {}

    def make(size: Size) -> SeesBrightThings:
        return networks.setdefault(size, SeesBrightThings(size))

    with RvmSegmenter("fake", FRAME, INPUT, make, crop=True) as segmenter:
        boxes: list[Box] = []
        for index in range(80):
            boxes.append(segmenter.segment(shown(min(440, 20 + 6 * index), index)).box)
            current = networks[segmenter._network.input_size]
            if boxes[-1] != Box.whole(FRAME):
                # A corner of the box that no look at this box has shown yet is the room, not 0.
                assert all(plane.min() > ROOM / 2 for plane in current.state)
    assert len(set(boxes)) >= 4


def test_every_look_is_worth_its_work() -> None:
    networks: list[SeesBrightThings] = []

    def make(size: Size) -> SeesBrightThings:
        networks.append(SeesBrightThings(size))
        return networks[-1]

    with RvmSegmenter("fake", FRAME, INPUT, make, crop=True) as segmenter:
        for index in range(30):
            segmenter.segment(shown(260, index))
    # Two more at the first frame, which the network has no memory of; none when the box shrinks.
    assert sum(network.looks for network in networks) == 32
