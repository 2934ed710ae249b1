from livebg.clock import NS_PER_S
from livebg.runtime.delivery_rate import DeliveryRate


def found(rate: DeliveryRate, fps: float, *, frames: int = 300, lost: int = 0) -> list[float]:
    """Return the rates that were found too low in frames at ``fps``."""
    step = 1 + lost
    seen = (rate.frame(n, round(n * NS_PER_S / fps)) for n in range(0, frames, step))
    return [slow for slow in seen if slow is not None]


def test_a_slow_camera_is_found_once() -> None:
    assert [round(slow, 1) for slow in found(DeliveryRate(30), 20)] == [20.0]


def test_a_camera_that_keeps_its_promise_nearly() -> None:
    assert found(DeliveryRate(30), 25) == []


def test_frames_that_were_lost_on_the_way_were_delivered() -> None:
    assert found(DeliveryRate(30), 30, lost=2) == []


def test_a_camera_that_promises_nothing() -> None:
    assert found(DeliveryRate(None), 2) == []


def test_a_pause_is_no_slow_camera() -> None:
    rate = DeliveryRate(30)
    for n in range(60):
        pause_ns = 5 * NS_PER_S if n >= 30 else 0
        assert rate.frame(n, n * NS_PER_S // 30 + pause_ns) is None
