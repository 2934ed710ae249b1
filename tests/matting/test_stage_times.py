import random

import pytest

from livebg.matting.stage_times import Histogram


@pytest.mark.parametrize("percent", [1, 50, 95, 99, 100])
def test_percentiles_are_within_one_percent(percent: int) -> None:
    draw = random.Random(7)
    durations = sorted(draw.lognormvariate(-4.0, 1.0) for _ in range(5000))
    histogram = Histogram()
    for duration in durations:
        histogram.add(duration)
    exact = durations[-(-len(durations) * percent // 100) - 1]
    # Half a bin of 2 %, rounded up.
    assert histogram.percentile(percent) == pytest.approx(exact, rel=0.0101)
    assert histogram.mean == pytest.approx(sum(durations) / len(durations))


def test_an_empty_histogram_has_zeros() -> None:
    histogram = Histogram()
    assert (histogram.count, histogram.mean, histogram.percentile(50)) == (0, 0.0, 0.0)
    assert histogram.summary_ms()["p50"] is None


@pytest.mark.parametrize("duration", [-1.0, 0.0, 1e-9, 1e6])
def test_absurd_durations_are_counted_at_the_ends(duration: float) -> None:
    histogram = Histogram()
    histogram.add(duration)
    assert histogram.count == 1
    assert 0 < histogram.percentile(50) <= 620
