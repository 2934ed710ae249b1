from __future__ import annotations

import json
import os

from livebg import __version__
from livebg.bench.report import SCHEMA, Report, as_json, as_markdown
from livebg.bench.speed import COPY, RECIPE
from livebg.bench.tables import Table, describe_machine, ms_text, share_text
from tests.support.bench_results import MACHINE, SOAK, quality, rows, speed


def test_the_machine_has_a_processor_and_versions() -> None:
    machine = describe_machine()
    assert machine.processor
    assert 1 <= machine.cores <= (os.cpu_count() or 1)
    assert "FP32" in machine.capabilities
    assert machine.precision == ("bf16" if "BF16" in machine.capabilities else "f32")
    assert machine.versions["livebg"] == __version__
    assert {"Python", "OpenCV", "openvino", "numpy"} <= machine.versions.keys()


def test_words_are_aligned_to_the_left_and_numbers_to_the_right() -> None:
    table = Table(("what", "ms"), [("fast", "4.00"), ("slower", "100.0")], words=1)
    assert list(table.lines()) == [
        "| what   |    ms |",
        "| ------ | ----: |",
        "| fast   |  4.00 |",
        "| slower | 100.0 |",
    ]


def test_small_times_have_more_digits() -> None:
    assert [ms_text(ms) for ms in (0.254, 9.994, 10.04)] == ["0.25", "9.99", "10.0"]


def test_a_share_is_in_per_cent() -> None:
    assert share_text(0.125) == "12 %"


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
    assert rows(shown, "Quality, on")[1] == [
        "fast",
        "6.00",
        "1.00",
        "0.500",
        "2.00",
        "4.00",
        "25 %",
    ]
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


def test_json_holds_everything() -> None:
    content = json.loads(as_json(REPORT))
    assert content["schema"] == SCHEMA
    assert content["machine"]["cores"] == 4
    assert content["speed"][0]["stage_ms"] == {"segment": 1.0, "compose": 2.5}
    assert content["quality"][1]["scores"]["mad"] == 2.6
    assert content["soak"]["frames"] == 30_000
