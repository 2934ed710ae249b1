from __future__ import annotations

from fractions import Fraction
from itertools import count, islice
from pathlib import Path

import numpy as np
import pytest

from livebg.bench import speed
from livebg.bench.speed import (
    EFFECTS,
    Footage,
    Length,
    SpeedCase,
    SpeedResult,
    frames_that_fit,
    load_footage,
    measure_speed,
    open_effects,
    plan_speed,
)
from livebg.bench.subjects import COPY, RECIPE, SubjectPlan
from livebg.config.load import load_settings
from livebg.config.settings import Settings
from livebg.frame import Image
from livebg.sources.pictures import read_picture
from tests.support.bench_results import write_scene
from tests.support.clips import number_of, write_clip


def test_an_effect_is_a_background(tmp_path: Path) -> None:
    assert open_effects(["blur"], tmp_path) == {"blur": "blur"}
    assert not list(tmp_path.iterdir())
    effects = open_effects(EFFECTS, tmp_path)
    assert tuple(effects) == EFFECTS
    assert read_picture(Path(effects["picture"])).shape == (1080, 1920, 3)


def level(number: int) -> Image:
    return np.full((4, 6, 3), number, np.uint8)


@pytest.mark.parametrize(
    ("count", "order"),
    [(1, [0, 0, 0]), (2, [0, 1, 0, 1]), (3, [0, 1, 2, 1, 0, 1, 2])],
)
def test_it_plays_forwards_and_backwards(count: int, order: list[int]) -> None:
    footage = Footage([level(number) for number in range(count)], Fraction(25))
    frames = list(islice(footage.frames(), len(order)))
    assert [int(frame.image[0, 0, 0]) for frame in frames] == order
    assert [frame.index for frame in frames] == list(range(len(order)))
    assert frames[1].captured_ns == 40_000_000


def test_a_video_is_read_to_the_limit_at_the_wanted_size(tmp_path: Path) -> None:
    footage = load_footage(write_clip(tmp_path / "clip.mp4"), (128, 96), 3)
    frames = list(islice(footage.frames(), 4))
    assert [number_of(frame.image) for frame in frames] == [0, 1, 2, 1]
    assert all(frame.size == (128, 96) for frame in frames)
    assert footage.frame_rate == 25
    assert footage.size_mib == 3 * 128 * 96 * 3 / 2**20


def test_a_folder_of_pictures_has_30_frames_a_second(tmp_path: Path) -> None:
    footage = load_footage(write_scene(tmp_path / "scene"), (160, 96), 99)
    assert footage.frame_rate == 30
    assert next(footage.frames()).size == (160, 96)


def test_fewer_large_frames_fit() -> None:
    assert frames_that_fit((3840, 2160)) == 64
    assert frames_that_fit((1280, 720)) == 9 * 64 + 2
    assert frames_that_fit((100_000, 100_000)) == 1


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
        [*presets, SubjectPlan(RECIPE, Settings())],
        sizes=[(1280, 720), (3840, 2160)],
        effects={"picture": "white", "blur": "blur"},
        clip=Path("clip.mp4"),
        length=LENGTH,
    )
    each = ["fast", "quality", RECIPE, "fast", "quality", RECIPE, COPY]
    assert [case.plan.name for case in cases] == each * 2
    assert [case.effect for case in cases[:7]] == [*["picture"] * 3, *["blur"] * 3, ""]
    assert [str(case.plan.settings.background) for case in cases[2:4]] == ["white", "blur"]
    assert {case.size for case in cases[7:]} == {(3840, 2160)}
    # All sizes show the frames that fit at the largest.
    assert {case.held_frames for case in cases} == {64}
