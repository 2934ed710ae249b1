from itertools import count
from pathlib import Path

import pytest

from livebg.bench import speed
from livebg.bench.speed import Length, SpeedCase, SpeedResult, measure_speed, plan_speed
from livebg.bench.subjects import COPY, RECIPE, SubjectPlan
from livebg.config.load import load_settings
from livebg.config.schema import Settings
from tests.bench.clips import write_scene

LENGTH = Length(60.0, frames=6)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scene(tmp_path_factory.mktemp("clips") / "scene", frames=8)


def case(name: str, scene: Path, **settings: object) -> SpeedCase:
    preset = "fast" if name in (COPY, RECIPE) else name
    plan = SubjectPlan(name, load_settings(preset=preset, overrides=settings))
    return SpeedCase(plan, "blur", (160, 96), scene, 4, LENGTH)


def check_times(result: SpeedResult) -> None:
    assert result.frames == 6
    assert 0 < result.p50_ms <= result.p95_ms <= result.p99_ms
    assert result.fps > 0
    assert result.cpu_ms > 0


def test_a_preset_is_measured_without_its_warm_up(scene: Path, rvm_weights: Path) -> None:
    result = measure_speed(case("fast", scene, background="blur", every=3))
    check_times(result)
    # Twelve frames of warm-up and six measured: an inference on every third is a third of them.
    assert result.inferred_share == pytest.approx(1 / 3)
    assert result.stage_ms.keys() >= {"segment", "compose"}
    # The stages of a frame cannot take longer than the frame.
    assert sum(result.stage_ms.values()) <= 1e3 / result.fps
    assert result.engine.startswith("openvino CPU")
    assert result.input_size is not None
    assert result.subject == "fast"


def test_the_recipe_runs_its_network_on_every_frame(scene: Path, rvm_weights: Path) -> None:
    result = measure_speed(case(RECIPE, scene, background="blur"))
    check_times(result)
    assert result.inferred_share == 1
    assert result.input_size == (160, 96)


def test_a_copy_has_no_stages(scene: Path) -> None:
    result = measure_speed(case(COPY, scene))
    check_times(result)
    assert result.stage_ms == {}
    assert result.inferred_share == 0
    assert result.input_size is None


def test_the_clip_in_memory_is_not_counted(scene: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "peak_memory_mib", lambda: 100.0)
    result = measure_speed(case(COPY, scene))
    assert result.peak_mib == 100.0 - 4 * 160 * 96 * 3 / 2**20


@pytest.mark.parametrize(
    ("length", "frames"),
    [(Length(1.0), 10), (Length(0.1), 3), (Length(1.0, frames=2), 2), (Length(0.1, frames=30), 30)],
)
def test_a_measurement_is_long_enough(length: Length, frames: int) -> None:
    # A frame takes a tenth of a second here.
    assert next(n for n in count() if length.is_reached(n, n / 10)) == frames


def test_the_cases_are_sizes_by_effects_by_subjects_and_a_copy_a_size() -> None:
    presets = [SubjectPlan(name, Settings()) for name in ("fast", "quality")]
    cases = plan_speed(
        presets,
        SubjectPlan(RECIPE, Settings()),
        sizes=[(1280, 720), (3840, 2160)],
        effects={"picture": "beach.png", "blur": "blur"},
        clip=Path("clip.mp4"),
        length=LENGTH,
    )
    each = ["fast", "quality", RECIPE, "fast", "quality", RECIPE, COPY]
    assert [case.plan.name for case in cases] == each * 2
    assert [case.effect for case in cases[:7]] == [*["picture"] * 3, *["blur"] * 3, ""]
    assert [case.plan.settings.background for case in cases[2:4]] == ["beach.png", "blur"]
    assert {case.size for case in cases[7:]} == {(3840, 2160)}
    # All sizes show the frames that fit at the largest.
    assert {case.held_frames for case in cases} == {64}
