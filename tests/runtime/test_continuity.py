import pytest

from livebg.clock import NS_PER_S
from livebg.runtime.continuity import Continuity, slept_ns

PERIOD_NS = NS_PER_S // 4


def test_frames_of_a_slow_camera_follow_each_other() -> None:
    continuity = Continuity(lambda: 0)
    assert not any(continuity.broken(n * PERIOD_NS) for n in range(10))


@pytest.mark.parametrize("gap_s", [1.1, 3600])
def test_a_frame_after_a_pause_is_found_once(gap_s: float) -> None:
    continuity = Continuity(lambda: 0)
    times_ns = [0, PERIOD_NS, PERIOD_NS + round(gap_s * NS_PER_S)]
    times_ns.append(times_ns[-1] + PERIOD_NS)
    assert [continuity.broken(time_ns) for time_ns in times_ns] == [False, False, True, False]


def test_a_sleep_that_no_frame_shows_is_found() -> None:
    slept = [0, 0, 7200 * NS_PER_S, 7200 * NS_PER_S]
    continuity = Continuity(iter(slept).__next__)
    assert [continuity.broken(n * PERIOD_NS) for n in range(4)] == [False, False, True, False]


def test_what_the_system_says_only_grows_with_sleep() -> None:
    first = slept_ns()
    assert first > -NS_PER_S // 10  # the two clocks are not read at once
    assert abs(slept_ns() - first) < NS_PER_S // 10
