from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import pytest

from livebg.clock import NS_PER_S
from livebg.errors import ModelError
from livebg.frame import Box, FloatImage, Frame, FramePyramid, Image, Size
from livebg.models.rvm_graph import state_shapes
from livebg.segmenters.base import SegmenterInfo
from livebg.segmenters.network import Network, NetworkOutput, NetworkSegmenter, warp_state


def ramp(box: Box, width: int, height: int) -> FloatImage:
    """Two channels: the x and the y of the frame at each sample."""
    x = box.left + (np.arange(width) + 0.5) * box.width / width
    y = box.top + (np.arange(height) + 0.5) * box.height / height
    return np.stack(np.broadcast_arrays(x, y[:, None])).astype(np.float32)


def empty(width: int, height: int) -> FloatImage:
    return np.full((2, height, width), 7, np.float32)


@pytest.mark.parametrize("new_box", [Box(160, 80, 480, 320), Box(0, 0, 640, 360)])
def test_what_was_seen_stays_at_its_place_in_the_frame(new_box: Box) -> None:
    whole = Box(0, 0, 640, 360)
    old = [ramp(whole, 128, 72), ramp(whole, 64, 36)]
    new = [empty(80, 60), empty(40, 30)]
    warp_state(old, whole, new, new_box)
    for plane, (width, height) in zip(new, [(80, 60), (40, 30)], strict=True):
        inner = (slice(None), slice(1, -1), slice(1, -1))
        # A bilinear ramp is exact but for single precision; less than half a sample inside the
        # rim of the old plane its last sample counts, which is off by less than a sample.
        np.testing.assert_allclose(plane[inner], ramp(new_box, width, height)[inner], atol=0.01)
        np.testing.assert_allclose(plane, ramp(new_box, width, height), atol=640 / 64)


def test_what_was_not_seen_stays_as_it_is() -> None:
    old_box, new_box = Box(0, 0, 320, 360), Box(0, 0, 640, 360)
    new = [empty(64, 36)]
    warp_state([ramp(old_box, 32, 36)], old_box, new, new_box)
    assert (new[0][:, :, 32:] == 7).all()
    np.testing.assert_allclose(new[0][:, :, :32], ramp(old_box, 32, 36), atol=0.01)


def test_the_old_state_is_left_alone() -> None:
    old = [ramp(Box(0, 0, 64, 64), 8, 8)]
    before = old[0].copy()
    warp_state(old, Box(0, 0, 64, 64), [empty(8, 8)], Box(16, 16, 48, 48))
    assert np.array_equal(old[0], before)


FRAME: Size = (640, 352)
INPUT: Size = (128, 80)
ROOM, PERSON = 90, 220
INFO = SegmenterInfo("fake", "numpy", INPUT, recurrent=True)


@dataclass
class SeesBrightThings(Network):
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

    def infer(self, picture: Image) -> NetworkOutput:
        self.looks += 1
        grey = picture[..., 0].astype(np.float32)
        for plane in self.planes:
            plane[:] = cv2.resize(grey, plane.shape[:0:-1], interpolation=cv2.INTER_AREA)
        alpha = (grey > (ROOM + PERSON) / 2).astype(np.float32)
        return NetworkOutput(np.zeros_like(alpha), alpha, alpha)

    def close(self) -> None:
        pass


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("plane", ["gain", "offset", "plain"])
def test_values_that_are_no_numbers_are_an_error_and_are_forgotten(
    monkeypatch: pytest.MonkeyPatch, plane: str, value: float
) -> None:
    network = SeesBrightThings(INPUT)
    really_infer = network.infer

    def infer(picture: Image) -> NetworkOutput:
        output = really_infer(picture)
        spoilt = np.full_like(output.coarse, value)
        if plane == "gain":
            return output._replace(gain=spoilt)
        return output._replace(offset=spoilt) if plane == "offset" else NetworkOutput.plain(spoilt)

    with NetworkSegmenter(INFO, FRAME, lambda size: network) as segmenter:
        monkeypatch.setattr(network, "infer", infer)
        with pytest.raises(ModelError, match=r"fake returned values that are not numbers for .* 7"):
            segmenter.segment(FramePyramid(shown(260, 7)))
    assert not any(state.any() for state in network.state)


def shown(left: int, index: int) -> Frame:
    image = np.full((FRAME[1], FRAME[0], 3), ROOM, np.uint8)
    image[160:, left : left + 120] = PERSON
    return Frame(image, index, index * NS_PER_S // 30)


def test_what_the_box_comes_to_cover_is_remembered() -> None:
    networks: dict[Size, SeesBrightThings] = {}

    def make(size: Size) -> SeesBrightThings:
        return networks.setdefault(size, SeesBrightThings(size))

    with NetworkSegmenter(INFO, FRAME, make, crop=True) as segmenter:
        boxes: list[Box] = []
        for index in range(80):
            boxes.append(
                segmenter.segment(FramePyramid(shown(min(440, 20 + 6 * index), index))).box
            )
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

    with NetworkSegmenter(INFO, FRAME, make, crop=True) as segmenter:
        for index in range(30):
            segmenter.segment(FramePyramid(shown(260, index)))
    # Two more at the first frame, which the network has no memory of; none when the box shrinks.
    assert sum(network.looks for network in networks) == 32
