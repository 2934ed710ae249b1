from dataclasses import replace

import pytest

from livebg.bench.device_work import DeviceCase, measure_device, plan_device
from livebg.bench.subjects import SubjectPlan
from livebg.config.schema import Settings
from livebg.errors import UsageError

SETTINGS = Settings(matte_size=(128, 80), precision="f32", device="torch:cpu")
PLAN = SubjectPlan("fast", SETTINGS)
HOST = SubjectPlan("slow", replace(SETTINGS, device="cpu"))
SIZES = [(320, 180), (640, 360)]


def test_there_is_a_case_for_every_size_of_what_torch_runs() -> None:
    assert plan_device([PLAN, HOST], SIZES) == [DeviceCase(PLAN, size, "cpu") for size in SIZES]


def test_a_device_that_nobody_knows_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown device 'tpu'"):
        plan_device([SubjectPlan("fast", replace(SETTINGS, device="tpu"))], SIZES)


def test_a_network_is_measured(rvm_weights: object) -> None:
    work = measure_device(DeviceCase(PLAN, (320, 180), "cpu"))
    assert (work.subject, work.size, work.input_size) == ("fast", (320, 180), (128, 80))
    assert (work.device, work.engine) == ("cpu", "torch cpu f32")
    # The network at 256x144 does 2.31; what it does goes with its pixels.
    assert work.gflop == pytest.approx(2.31 * (128 * 80) / (256 * 144), rel=0.02)
    assert work.network_ms > 0
    assert work.gflop_per_s == pytest.approx(work.gflop * work.fps)
    assert work.gb_per_s == pytest.approx(work.traffic_mb / 1e3 * work.fps)
    assert (work.peak_gflop_per_s, work.peak_gb_per_s, work.peaks_from) == (None, None, "")
