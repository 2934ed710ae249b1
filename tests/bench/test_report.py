from __future__ import annotations

import json
import os
import sys

import pytest

from livebg import __version__
from livebg.bench.parity import ClipParity, Engine, mean_parity
from livebg.bench.report import (
    SCHEMA,
    Report,
    as_json,
    as_markdown,
    describe_machine,
    drawn_plot,
    require_matplotlib,
)
from livebg.bench.subjects import COPY, RECIPE
from livebg.errors import UsageError
from tests.support.bench_results import MACHINE, SOAK, quality, rows, speed


def test_the_machine_has_a_processor_and_versions() -> None:
    machine = describe_machine()
    assert machine.processor
    assert 1 <= machine.cores <= (os.cpu_count() or 1)
    assert "FP32" in machine.capabilities
    assert machine.precision == ("bf16" if "BF16" in machine.capabilities else "f32")
    assert machine.versions["livebg"] == __version__
    assert {"Python", "OpenCV", "openvino", "numpy"} <= machine.versions.keys()


SPEED = [
    speed("fast", 4.0, stage_ms={"segment": 1.0, "compose": 2.5}),
    speed(RECIPE, 100.0, stage_ms={"segment": 80.0, "compose": 20.0}),
    speed("fast", 5.0, "blur", stage_ms={"segment": 1.0, "compose": 3.5}),
    speed(RECIPE, 160.0, "blur", stage_ms={"segment": 80.0, "compose": 80.0}),
    speed(COPY, 0.2, ""),
]
REPORT = Report(
    MACHINE,
    {"clip": "head.mp4"},
    SPEED,
    [quality("fast", 6.0, 4.0), quality(RECIPE, 2.6, 100.0)],
    SOAK,
)


def test_the_machine_the_settings_and_the_versions_are_told() -> None:
    shown = as_markdown(REPORT)
    assert "Some Processor, 4 cores, Linux 6.1 x86_64" in shown
    assert "bf16 by default (OpenVINO: BF16, FP32)" in shown
    assert "livebg 0.1.0, numpy 2.0" in shown
    assert "clip: head.mp4" in shown


def test_the_overview_has_a_column_a_size_and_effect() -> None:
    assert rows(as_markdown(REPORT), "Processor time") == [
        ["what", "720p picture", "720p blur"],
        ["fast", "4.00", "5.00"],
        [RECIPE, "100.0", "160.0"],
        [COPY, "0.20", "0.20"],
    ]


def test_ratios_are_against_the_same_size_and_effect() -> None:
    header, *body = rows(as_markdown(REPORT), "Speed")
    ratios = {(row[1], row[2]): (row[5], row[6]) for row in body}
    assert header[5:7] == ["less than recipe", "copies"]
    assert ratios == {
        ("picture", "fast"): ("25.0x", "20.0"),
        ("picture", RECIPE): ("1.0x", "500.0"),
        ("blur", "fast"): ("32.0x", "25.0"),
        ("blur", RECIPE): ("1.0x", "800.0"),
        ("", COPY): ("", "1.0"),
    }


def test_what_is_not_known_is_left_empty() -> None:
    *_, copy = rows(as_markdown(REPORT), "Speed")
    assert copy[-2] == ""
    stages = rows(as_markdown(REPORT), "Where the time goes")
    assert [row[2] for row in stages[1:]] == ["fast", RECIPE, "fast", RECIPE]


def test_quality_is_told_in_the_mean_and_by_clip() -> None:
    shown = as_markdown(REPORT)
    fast = ["fast", "6.00", "1.00", "0.500", "2.00", "4.00", "25 %"]
    assert rows(shown, "Quality, on")[1] == fast
    assert rows(shown, "Quality by clip") == [
        ["what", "sway", "still"],
        ["fast", "6.00, 2.00", "6.00, 2.00"],
        [RECIPE, "2.60, 2.00", "2.60, 2.00"],
    ]


def test_the_soak_is_told() -> None:
    found = dict(rows(as_markdown(REPORT), "Soak"))
    assert found["frames dropped"] == "1"
    assert found["growth per 10,000 frames"] == "0.3 MiB"
    assert found["threads, least and most"] == "14, 15"


def test_what_was_not_measured_has_no_table() -> None:
    assert "###" not in as_markdown(Report(MACHINE, {}))


def test_tables_are_aligned() -> None:
    tables = as_markdown(REPORT).split("\n\n")
    for table in (block.splitlines() for block in tables if block.startswith("|")):
        assert len({len(line) for line in table}) == 1
        assert len({line.count("|") for line in table}) == 1


F32, F16, INT8 = Engine("torch:cpu", "f32"), Engine("cuda", "f16"), Engine("cpu", "int8")


def test_a_limit_is_kept_where_the_worst_clip_keeps_it() -> None:
    near, far = (
        [
            ClipParity(F32, clip, off, 2 * off),
            ClipParity(F16, clip, off, 3 * off),
            ClipParity(INT8, clip, 4 * off, 5 * off),
        ]
        for clip, off in (("near", 0.001), ("far", 0.003))
    )
    shown = as_markdown(Report(MACHINE, {}, parity=mean_parity([near, far])))
    assert rows(shown, "Parity: mattes beside those of cpu in f32") == [
        ["device", "precision", "every frame", "worst", "carried", "worst", "limit", "kept"],
        ["torch:cpu", "f32", "2.00", "3.00", "4.00", "6.00", "2", "no"],
        ["cuda", "f16", "2.00", "3.00", "6.00", "9.00", "10", "yes"],
        ["cpu", "int8", "8.00", "12.00", "10.00", "15.00", "", ""],
    ]


POINTS = {"fast": (4.0, 4.1), "quality": (18.0, 2.4), RECIPE: (126.0, 2.6)}


def test_the_plot_names_every_subject_and_its_figures() -> None:
    pytest.importorskip("matplotlib")
    drawn = drawn_plot(POINTS).decode()
    for text in ("fast", "4 ms, error 4.10", "18 ms, error 2.40", "RVM as released"):
        assert f">{text}</text>" in drawn
    assert drawn == drawn_plot(POINTS).decode()


def test_without_matplotlib_the_plot_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "matplotlib.figure", raising=False)
    with pytest.raises(UsageError, match=r"pip install 'livebg\[plot\]'"):
        require_matplotlib()


def test_json_holds_everything() -> None:
    content = json.loads(as_json(REPORT))
    assert content["schema"] == SCHEMA
    assert content["machine"]["cores"] == 4
    assert content["speed"][0]["stage_ms"] == {"segment": 1.0, "compose": 2.5}
    assert content["quality"][1]["scores"]["mad"] == 2.6
    assert content["soak"]["frames"] == 30_000
