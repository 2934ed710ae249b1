import pytest

from livebg.bench.plot_axes import PlotAxes

VALUES = [
    ([4.0, 18.0, 126.0], [4.1, 2.4, 2.6]),
    ([5.0], [3.0]),
    ([0.2, 0.2], [0.0, 0.0]),
    ([1e-3, 9e4], [1e-3, 4e3]),
]


@pytest.mark.parametrize(("times_ms", "mads"), VALUES)
def test_all_values_lie_inside(times_ms: list[float], mads: list[float]) -> None:
    axes = PlotAxes.around(times_ms, mads)
    left, top, right, bottom = axes.area
    for cpu_ms, mad in zip(times_ms, mads, strict=True):
        x, y = axes.place(cpu_ms, mad)
        assert left < x < right
        assert top < y <= bottom


@pytest.mark.parametrize(("times_ms", "mads"), VALUES)
def test_there_are_numbers_along_both_axes(times_ms: list[float], mads: list[float]) -> None:
    axes = PlotAxes.around(times_ms, mads)
    left, top, right, bottom = axes.area
    times, errors = list(axes.cpu_ticks()), list(axes.mad_ticks())
    assert len(times) >= 2
    assert all(left <= axes.x(tick) <= right for tick in times)
    assert errors[0] == 0
    assert 4 <= len(errors) <= 7
    assert all(top <= axes.y(tick) <= bottom for tick in errors)


def test_ten_times_the_cost_is_the_same_way_everywhere() -> None:
    axes = PlotAxes.around([2.0, 500.0], [1.0])
    # Places are rounded to a tenth.
    assert axes.x(50) - axes.x(5) == pytest.approx(axes.x(400) - axes.x(40), abs=0.2)
