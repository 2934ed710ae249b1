from livebg.clock import NS_PER_S
from livebg.source.timeline import Timeline

STEP = 40


def placed(*times_ns: int | None) -> list[int]:
    timeline = Timeline(STEP)
    return [timeline.place(time_ns) for time_ns in times_ns]


def test_times_count_from_the_first() -> None:
    assert placed(1000, 1017, 1100) == [0, 17, 100]


def test_missing_times_are_one_step_apart() -> None:
    assert placed(None, None, None) == [0, 40, 80]
    assert placed(500, None, 600) == [0, 40, 100]


def test_a_repeated_time_does_not_move_later_ones() -> None:
    assert placed(0, 40, 40, 80) == [0, 40, 41, 80]


def test_a_small_step_back_does_not_move_later_ones() -> None:
    assert placed(0, 80, 40, 120) == [0, 80, 81, 120]


def test_a_clock_that_was_set_back_goes_on() -> None:
    late = 5 * NS_PER_S
    assert placed(0, late, 0, 30) == [0, late, late + STEP, late + STEP + 30]
