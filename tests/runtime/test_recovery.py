from livebg.clock import ManualClock
from livebg.runtime.recovery import Backoff


def test_waits_double_up_to_the_longest() -> None:
    backoff = Backoff(ManualClock())
    assert [backoff.fail() for _ in range(6)] == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]


def test_it_is_ready_at_first_and_again_after_the_wait() -> None:
    clock = ManualClock()
    backoff = Backoff(clock)
    assert backoff.ready
    backoff.fail()
    clock.advance(0.49)
    assert not backoff.ready
    clock.advance(0.01)
    assert backoff.ready


def test_success_forgets_the_failures() -> None:
    backoff = Backoff(ManualClock())
    backoff.fail()
    backoff.fail()
    backoff.reset()
    assert backoff.ready
    assert backoff.fail() == 0.5
