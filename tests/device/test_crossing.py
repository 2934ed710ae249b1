import numpy as np
import torch

from livebg.clock import ManualClock
from livebg.device.crossing import Crossing
from livebg.device.times import DeviceTimes
from livebg.types import Frame


def crossing_to(device: torch.device) -> Crossing:
    return Crossing(device, DeviceTimes(device, ManualClock()))


def test_a_picture_gets_there_and_back(frames: list[Frame], device: torch.device) -> None:
    crossing = crossing_to(device)
    sent = crossing.upload(frames[0].image)
    assert (sent.device.type, sent.dtype) == (device.type, torch.uint8)
    facts = torch.tensor([0.25, 1.0, -3.0], device=device)
    small = sent[::8, ::8, 0]
    found = crossing.download([facts, sent, small]).unpack()
    np.testing.assert_array_equal(found[0], np.array([0.25, 1, -3], np.float32))
    np.testing.assert_array_equal(found[1], frames[0].image)
    np.testing.assert_array_equal(found[2], frames[0].image[::8, ::8, 0])


def test_what_came_down_stays_when_more_comes(frames: list[Frame], device: torch.device) -> None:
    crossing = crossing_to(device)
    parcels = [crossing.download([crossing.upload(frame.image)]) for frame in frames]
    for frame, parcel in zip(frames, parcels, strict=True):
        np.testing.assert_array_equal(parcel.unpack()[0], frame.image)


def test_a_picture_that_was_sent_may_be_written_to(device: torch.device) -> None:
    image = np.full((4, 5, 3), 7, np.uint8)
    sent = crossing_to(device).upload(image)
    image[:] = 0
    assert int(sent.min()) == 7


def test_both_ways_are_timed(frames: list[Frame], device: torch.device) -> None:
    times = DeviceTimes(device, ManualClock())
    crossing = Crossing(device, times)
    crossing.download([crossing.upload(frames[0].image)]).unpack()
    assert [stage for stage, _ in times.read()] == ["upload", "download"]
