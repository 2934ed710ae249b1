from pathlib import Path

import pytest

from livebg.bench.soak import Sample, Soak, SoakCase, growth_mib
from livebg.bench.subjects import SubjectPlan
from livebg.config.settings import Settings
from livebg.frame import Size
from tests.support.bench_results import write_scene
from tests.support.fakes import FakePipeline

SIZE = (160, 96)


def copying(settings: Settings, size: Size) -> FakePipeline:
    """Return a pipeline that copies, so that only the session is soaked."""
    return FakePipeline(lambda frame: frame.image.copy())


@pytest.fixture
def case(tmp_path: Path) -> SoakCase:
    plan = SubjectPlan("fast", Settings(background="blur"))
    return SoakCase(plan, "blur", SIZE, write_scene(tmp_path / "scene"), seconds=0.5)


def test_a_soak_loses_no_frame(case: SoakCase) -> None:
    soak = Soak(case, build=copying)
    ticks: list[int] = []
    result = soak.run(lambda: ticks.append(soak.frames))
    assert result.frames == soak.frames > 20
    assert result.dropped == result.failed == 0
    assert ticks == sorted(ticks)
    assert result.ended == "time is up"
    assert 1 <= result.least_threads <= result.most_threads
    assert result.minutes == pytest.approx(0.5 / 60, abs=0.02)


def test_a_soak_can_be_stopped(case: SoakCase) -> None:
    soak = Soak(case, build=copying)
    result = soak.run(soak.stop)
    assert result.ended == "stopped"


def test_the_growth_is_the_slope_of_a_line() -> None:
    level = [Sample(n * 1000, 300.0 + (n % 2), 9) for n in range(20)]
    growing = [Sample(n * 1000, 300.0 + 0.25 * n, 9) for n in range(20)]
    # Noise of 1 MiB over 20,000 frames leaves less than 0.1 MiB of slope.
    assert growth_mib(level) == pytest.approx(0, abs=0.1)
    assert growth_mib(growing) == pytest.approx(2.5)


def test_no_growth_is_told_where_it_is_not_known() -> None:
    assert growth_mib([Sample(0, None, 9), Sample(1000, None, 9)]) is None
    assert growth_mib([Sample(5, 300.0, 9), Sample(5, 301.0, 9)]) is None
    assert growth_mib([]) is None
