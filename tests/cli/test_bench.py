import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from livebg.bench.parity import Engine
from livebg.cli.main import main
from tests.support.bench_results import write_scene
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def clips(
    tmp_path_factory: pytest.TempPathFactory, rvm_weights: Path, starts_processes: None
) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    write_scene(folder / "scene", frames=3)
    return folder


def test_speed_and_quality_in_tables_and_a_plot(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    words = ["bench", "--presets", "fast", "--sizes", "160x96", "--effects", "blur"]
    words += ["--frames", "5", "--clip", str(clips / "scene"), "--clips", str(clips)]
    words += ["--report", str(tmp_path / "r.md"), "--plot", str(tmp_path / "p.svg")]
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert (tmp_path / "r.md").read_text() == shown
    for heading in ("Processor time", "Speed", "Where the time goes", "Quality"):
        assert f"### {heading}" in shown
    assert "| 160x96 | blur   | float recipe |" in shown
    assert "- length: 5 frames each" in shown
    drawn = (tmp_path / "p.svg").read_text(encoding="utf-8")
    assert all(f">{name}</text>" in drawn for name in ("fast", "RVM as released"))


def test_json_with_a_setting_of_ones_own(clips: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["bench", "--presets", "fast", "--no-speed", "--effects", "blur", "--json"]
    words += ["--clips", str(clips), "--every", "1", "--precision", "f32"]
    assert main(words) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["settings"]["precision"] == "f32"
    assert content["speed"] == []
    fast, recipe = content["quality"]
    assert (fast["subject"], recipe["subject"]) == ("fast", "float recipe")
    assert fast["inferred_share"] == 1
    assert fast["clips"][0]["frames"] == 3


def test_engines_are_compared_in_place_of_all_else(
    clips: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    engines = (Engine("torch:cpu", "f32"),)
    monkeypatch.setattr("livebg.bench.parity.engines_here", lambda _: engines)
    words = ["bench", "--parity", "--presets", "fast", "--frames", "2", "--clips", str(clips)]
    assert main([*words, "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["speed"] == content["quality"] == []
    (found,) = content["parity"]
    assert found["engine"] == {"device": "torch:cpu", "precision": "f32"}
    assert found["inferred_worst"] <= found["limit"] == 2e-3
    assert content["settings"]["length"] == "2 frames each"


def test_a_soak_takes_the_place_of_speed(clips: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["bench", "--soak", "0.01", "--presets", "fast", "--sizes", "160x96"]
    words += ["--effects", "blur", "--clip", str(clips / "scene"), "--json"]
    assert main(words) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["speed"] == []
    assert content["soak"]["subject"] == "fast"
    assert content["soak"]["ended"] == "time is up"
    assert content["soak"]["dropped"] == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--plot", "p.svg"], "--plot shows quality against processor time; name clips"),
        (["--plot", "p.jpg"], "'p.jpg' must end in .svg"),
        (["--no-speed"], "--no-speed leaves nothing to measure"),
        (["--sizes", "10x10"], "'10x10' is no size; write 720p, 1080p, 4K, or"),
        (["--sizes", ","], "name one or more, separated by commas"),
        (["--effects", "blurr"], "there is no effect 'blurr', only picture, blur"),
        (["--presets", "fsat"], "there is no preset 'fsat'"),
        (["--frames", "0"], "'0' is no whole number above 0"),
        (["--seconds", "nan"], "'nan' is no number above 0"),
        (["--soak", "1e300"], "'1e300' is no number above 0, up to 1000000"),
        (["--seconds", "1", "--frames", "1"], "not allowed with argument"),
        (["--clips", "missing"], "missing: the folder of clips cannot be read"),
        (["--clip", "missing.mp4", "--presets", "fast"], "missing.mp4"),
        (["--report", "missing/r.md"], "the folder"),
    ],
)
def test_bad_usage_is_one_sentence_before_anything_is_measured(
    words: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["bench", *words]) == 2
    shown = capsys.readouterr()
    assert said in shown.err
    assert shown.err.count("\n") == 1
    assert shown.out == ""
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
def test_a_measurement_that_is_ended_leaves_nothing(clips: Path, tmp_path: Path) -> None:
    report = tmp_path / "r.md"
    words = ["--quick", "--presets", "fast", "--report", str(report)]
    with subprocess.Popen(
        [sys.executable, "-m", "livebg", "bench", *words, "--clip", str(clips / "scene")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        wait_until(lambda: bool(list(tmp_path.iterdir())))
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert said == "livebg: interrupted\n"
    assert not list(tmp_path.iterdir())
