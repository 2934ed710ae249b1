from livebg.bench.device_report import device_lines
from livebg.bench.device_work import DeviceWork
from livebg.bench.subjects import COPY, RECIPE
from livebg.types import Size
from tests.bench.results import rows, speed

FULL_HD = (1920, 1080)


def work(size: Size, peak_gflop_per_s: float | None = None) -> DeviceWork:
    return DeviceWork(
        subject="cuda_fp16",
        size=size,
        device="Some Card",
        engine="torch cuda f16",
        input_size=(512, 288),
        network_ms=2.0,
        gflop=9.2,
        traffic_mb=480.0,
        peak_gflop_per_s=peak_gflop_per_s,
        peak_gb_per_s=peak_gflop_per_s and 960.0,
        peaks_from=(peak_gflop_per_s and "what the driver states") or "",
    )


SPEED = [
    speed("cuda_fp16", 5.0, size=FULL_HD, stage_ms={"segment": 2.0}),
    speed(RECIPE, 100.0, size=FULL_HD),
    speed(COPY, 0.2, "", size=FULL_HD),
]


def test_what_was_achieved_stands_beside_what_could_be() -> None:
    shown = "\n".join(device_lines([work(FULL_HD, 46_000.0)], []))
    header, row = rows(shown, "What the network asks")
    assert header[4:] == ["ms", "GFLOP", "GFLOP/s", "of peak", "MB", "GB/s", "of peak"]
    assert row[4:] == ["2.00", "9.20", "4600", "10 %", "480", "240.0", "25 %"]
    assert "Peaks of Some Card: what the driver states." in shown


def test_where_no_peak_is_known_only_the_achieved_is_told() -> None:
    shown = "\n".join(device_lines([work(FULL_HD)], []))
    (row,) = rows(shown, "What the network asks")[1:]
    assert row[6:8] == ["4600", "unknown"]
    assert row[9:11] == ["240.0", "unknown"]
    assert "Peaks of Some Card: unknown." in shown


def test_frame_rates_stand_beside_the_papers() -> None:
    shown = "\n".join(device_lines([work((1280, 720)), work(FULL_HD)], SPEED))
    assert rows(shown, "Frames per second beside") == [
        ["what", "720p", "1080p", "4K"],
        ["RVM's paper: GTX 1080 Ti, f32", "", "104.0", "76.0"],
        ["cuda_fp16, network alone: Some Card, torch cuda f16", "500.0", "500.0", ""],
        ["cuda_fp16, picture: openvino CPU bf16", "", "200.0", ""],
    ]
