import numpy as np
import pytest

from livebg.segment.state_warp import warp_state
from livebg.types import Box, FloatImage


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
