from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from livebg.bench.parity import (
    REFERENCE,
    ClipParity,
    Engine,
    ParityCase,
    engines_here,
    mean_parity,
    measure_parity,
    plan_parity,
)
from livebg.config.settings import Settings
from livebg.errors import UsageError
from tests.support.bench_results import write_scene

SETTINGS = Settings(matte_size=(128, 80))
TORCH = Engine("torch:cpu", "f32")
HALF = Engine("torch:cpu", "f16")


def test_a_processor_runs_two_engines_without_any_card(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        if name != "cpu":
            raise UsageError(f"no {name}")

    monkeypatch.setattr("livebg.segmenters.torch.resolve_device", absent)
    found = engines_here(SETTINGS)
    assert {engine.device for engine in found} == {"cpu", "torch:cpu"}
    precisions = {engine.precision for engine in found if engine.device == "torch:cpu"}
    assert precisions == {"f32", "bf16", "f16"}
    assert REFERENCE not in found


def test_a_file_of_ones_own_is_not_for_torch() -> None:
    devices = {engine.device for engine in engines_here(replace(SETTINGS, model="mine.onnx"))}
    assert "torch:cpu" not in devices


def test_only_rvm_is_computed_in_whole_numbers() -> None:
    settings = replace(SETTINGS, model="lraspp_mobilenet_v3_large")
    assert Engine("cpu", "int8") not in engines_here(settings)


def test_every_clip_is_a_case_in_which_nothing_but_the_engine_differs() -> None:
    clips = [Path("a"), Path("b")]
    cases = plan_parity(SETTINGS, clips, None)
    assert [case.clip for case in cases] == clips
    assert {case.frames for case in cases} == {30}
    assert not any(case.settings.crop for case in cases)
    assert plan_parity(SETTINGS, clips, 7)[0].frames == 7


def test_engines_are_as_close_as_promised(tmp_path: Path, rvm_weights: Path) -> None:
    scene = write_scene(tmp_path / "scene", frames=5)
    engines = (TORCH, HALF)
    found = measure_parity(ParityCase(SETTINGS, engines, scene, 4))
    assert [one.engine for one in found] == [TORCH, HALF]
    for one in found:
        assert one.clip == "scene"
        assert one.engine.limit is not None
        assert one.inferred <= one.engine.limit
        assert one.carried <= one.engine.limit
    assert found[1].inferred > 0


def test_means_are_over_clips_and_the_worst_is_told() -> None:
    clips = [
        [ClipParity(TORCH, "a", 0.001, 0.002), ClipParity(HALF, "a", 0.004, 0.008)],
        [ClipParity(TORCH, "b", 0.003, 0.002), ClipParity(HALF, "b", 0.002, 0.004)],
    ]
    torch, half = mean_parity(clips)
    assert (torch.engine, half.engine) == (TORCH, HALF)
    assert (torch.limit, half.limit) == (2e-3, 1e-2)
    assert (torch.inferred, torch.inferred_worst) == pytest.approx((0.002, 0.003))
    assert (half.carried, half.carried_worst) == pytest.approx((0.006, 0.008))
    assert [clip.clip for clip in half.clips] == ["a", "b"]
