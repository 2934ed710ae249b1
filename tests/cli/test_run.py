"""The real command on the real clip with the real network; signals go to a process of its own."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from livebg.cli.main import main
from livebg.source.video import VideoFile
from tests.livebg_run import PROMPT_S
from tests.sink.desktop import Desktop

GREEN = "color:#00ff00"
LONG = "x" * 300
COMMAND = "import sys; from livebg.cli.main import main; sys.exit(main())"


@pytest.fixture
def words(talking_head_clip: Path, rvm_weights: Path) -> list[str]:
    return ["run", "--camera", str(talking_head_clip), "--background", GREEN]


Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start() -> Iterator[Start]:
    """A function that starts ``livebg`` and waits until its session runs."""
    with contextlib.ExitStack() as cleanup:

        def start(words: list[str], **environment: str) -> subprocess.Popen[str]:
            process = subprocess.Popen(
                [sys.executable, "-c", COMMAND, *words],
                stderr=subprocess.PIPE,
                text=True,
                env={**os.environ, **environment},
            )
            cleanup.enter_context(process)
            cleanup.callback(process.kill)
            assert process.stderr is not None
            assert "640x360 at 30 frames/s" in process.stderr.readline()
            return process

        yield start


def wait_for(path: Path) -> None:
    """Wait until something was recorded."""
    deadline = time.monotonic() + 20
    while not path.exists() or path.stat().st_size < 10_000:
        assert time.monotonic() < deadline
        os.sched_yield()


def test_a_recording_holds_the_filtered_video(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, stats = tmp_path / "out.mp4", tmp_path / "stats.json"
    assert main([*words, "--record", str(out), "--null", "--stats", str(stats)]) == 0
    assert f"livebg: recorded {out}\n" in capsys.readouterr().err
    summary = json.loads(stats.read_text())
    with VideoFile(out) as video:
        assert video.info.size == (640, 360)
        frames = list(video)
    assert len(frames) == summary["sinks"]["recording"]["sent"] > 0
    for frame in frames:
        corner = frame.image[:30, :30].reshape(-1, 3).mean(axis=0)
        # H.264 in 4:2:0 and limited range: a few levels off.
        assert np.abs(corner - (0, 255, 0)).max() < 12


def test_an_older_recording_is_not_taken_for_one_of_this_session(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "kept.mp4"
    kept.write_bytes(b"an older recording")
    assert main([*words, "--record", str(kept), "--background", "no-such-picture.jpg"]) == 2
    assert "recorded" not in capsys.readouterr().err
    assert kept.read_bytes() == b"an older recording"


def test_statistics_say_what_happened(words: list[str], tmp_path: Path) -> None:
    stats = tmp_path / "stats.json"
    assert main([*words, "--null", "--stats", str(stats)]) == 0
    summary = json.loads(stats.read_text())
    frames = summary["frames"]
    assert frames["in"] + frames["missed"] == 72
    assert frames["out"] + frames["dropped"] == frames["in"]
    assert summary["inference"]["model"] == "rvm"
    assert 0 < summary["inference"]["count"] <= frames["out"]
    assert sum(summary["inference"]["reasons"].values()) == frames["out"]
    assert {"capture", "wait", "process", "segment"} <= set(summary["stages_ms"])
    assert summary["ended"] == "end of the source"
    assert summary["audio_offset_ms"] == summary["latency_ms"]["p50"] > 0
    for stage in ("carry", "segment", "refine", "compose"):
        assert {"count", "mean", "p50", "p95", "p99"} == set(summary["stages_ms"][stage])


def test_mattes_are_written_from_0_on(words: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "mattes"
    assert main([*words, "--alpha", str(folder), "--seconds", "20"]) == 0
    names = sorted(path.name for path in folder.iterdir())
    assert names == [f"alpha_{number:04d}.png" for number in range(len(names))]
    matte = cv2.imread(str(folder / names[0]), cv2.IMREAD_UNCHANGED)
    assert matte is not None
    assert matte.shape == (360, 640)


@pytest.mark.parametrize(
    ("extra", "sentence"),
    [
        (["--camera", "/no/such/video.mp4", "--null"], "/no/such/video.mp4"),
        (["--no-window"], "there is no output; name one or more of"),
        (["--record", "/no/such/folder/out.mp4"], "/no/such/folder"),
        (["--record", "out.txt"], "out.txt"),
        (
            ["--null", "--stats", "/no/such/folder/s.json"],
            "the folder /no/such/folder does not exist",
        ),
        (
            ["--null", "--seconds", "0"],
            "must be more than 0 and at most 100000000, not 0;",
        ),
        (["--null", "--seconds", "inf"], "at most 100000000, not inf;"),
        (["--null", "--seconds", "1e300"], "at most 100000000, not 1e+300;"),
        (["--null", "--keep", "dog"], "finds people only and cannot keep dog"),
        (["--null", "--model", "rwm"], "rvm"),
        (["--null", "--background", "no-such-picture.jpg"], "no-such-picture.jpg"),
        (["--virtual-camera", "/dev/no-such-device"], "virtual camera /dev/no-such-device"),
        (["--null", "--camera", f"{LONG}.mp4"], f"livebg: {LONG}.mp4: this cannot be read"),
        (["--record", f"{LONG}.mp4"], f"livebg: {LONG}.mp4: this cannot be written to"),
        (["--alpha", LONG], f"livebg: {LONG}: this cannot be written to"),
        (["--null", "--stats", f"{LONG}.json"], f"livebg: {LONG}.json: this cannot be written to"),
        (["--null", "--config", f"{LONG}.toml"], f"livebg: {LONG}.toml: the configuration file"),
        (["--null", "--background", f"{LONG}.png"], f"livebg: background '{LONG}.png' is neither"),
    ],
)
def test_what_cannot_be_done_is_refused(
    words: list[str],
    extra: list[str],
    sentence: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*words, *extra]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert "Traceback" not in said


@pytest.mark.parametrize("extra", [[], ["--window"]])
def test_without_a_display_the_other_outputs_are_named(
    words: list[str],
    extra: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if sys.platform != "linux":
        pytest.skip("other systems always have a display")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert main([*words, *extra]) == 2
    assert "display" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_soon_and_keeps_the_recording(
    start: Start, words: list[str], tmp_path: Path, number: signal.Signals
) -> None:
    out = tmp_path / "out.mkv"
    process = start([*words, "--loop", "--record", str(out)])
    wait_for(tmp_path / "out.partial.mkv")
    asked_s = time.monotonic()
    process.send_signal(number)
    _, said = process.communicate(timeout=10)
    assert time.monotonic() - asked_s < PROMPT_S
    assert process.returncode == 0
    assert f"recorded {out}" in said
    with VideoFile(out) as video:
        assert len(list(video)) > 0


def test_a_signal_during_the_start_ends_it_soon(start: Start, words: list[str]) -> None:
    process = start([*words, "--loop", "--null"])
    asked_s = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert time.monotonic() - asked_s < PROMPT_S
    assert process.returncode == 0


def test_the_last_picture_is_never_the_room(start: Start, words: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out.mkv"
    process = start([*words, "--loop", "--record", str(out)])
    wait_for(tmp_path / "out.partial.mkv")
    process.kill()
    process.communicate(timeout=10)
    with VideoFile(tmp_path / "out.partial.mkv") as video:
        last = list(video)[-1].image
    assert np.abs(last[:30, :30].reshape(-1, 3).mean(axis=0) - (0, 255, 0)).max() < 12


def test_a_changed_configuration_file_changes_the_picture(
    start: Start, talking_head_clip: Path, rvm_weights: Path, tmp_path: Path
) -> None:
    config, out = tmp_path / "livebg.toml", tmp_path / "out.mkv"
    config.write_text(f'background = "{GREEN}"\n')
    words = ["run", "--camera", str(talking_head_clip), "--loop", "--record", str(out)]
    process = start([*words, "--config", str(config)])
    wait_for(tmp_path / "out.partial.mkv")
    assert process.stderr is not None
    config.write_text('background = "kitchen.jpg"\n')
    assert "changing background" in process.stderr.readline()
    assert "kitchen.jpg" in process.stderr.readline()
    config.write_text("backround = 1\n")
    assert "'backround'" in process.stderr.readline()
    config.write_text('background = "color:#0000ff"\n')
    assert "changing background" in process.stderr.readline()
    written = out.with_name("out.partial.mkv").stat().st_size
    while out.with_name("out.partial.mkv").stat().st_size < written + 20_000:
        os.sched_yield()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    with VideoFile(out) as video:
        corners = [frame.image[:30, :30].reshape(-1, 3).mean(axis=0) for frame in video]
    assert np.abs(corners[0] - (0, 255, 0)).max() < 12
    assert np.abs(corners[-1] - (255, 0, 0)).max() < 12


@pytest.fixture
def desktop() -> Iterator[Desktop]:
    if not all(map(shutil.which, ("Xvfb", "xdotool", "import"))):
        pytest.skip("needs Xvfb, xdotool and ImageMagick")
    desktop = Desktop()
    yield desktop
    desktop.close()


def test_keys_steer_the_window(
    start: Start, words: list[str], desktop: Desktop, tmp_path: Path
) -> None:
    stats = tmp_path / "stats.json"
    process = start([*words, "--loop", "--stats", str(stats)], DISPLAY=desktop.display)
    desktop.press("livebg", "n", "m", "space", "space", "i", "h")
    desktop.press("livebg", "q")
    _, said = process.communicate(timeout=20)
    assert process.returncode == 0, said
    assert json.loads(stats.read_text())["ended"] == "stopped"


def test_keys_change_preset_and_framing_and_name_what_is_missing(
    start: Start, words: list[str], desktop: Desktop, tmp_path: Path, rvm_weights: Path
) -> None:
    stats, cache = tmp_path / "stats.json", tmp_path / "cache"
    (cache / "weights").mkdir(parents=True)
    for file in (rvm_weights, rvm_weights.with_name(f"{rvm_weights.name}.stamp")):
        shutil.copy2(file, cache / "weights")
    process = start(
        [*words, "--loop", "--stats", str(stats)],
        DISPLAY=desktop.display,
        LIVEBG_CACHE=str(cache),
    )
    assert process.stderr is not None
    said = iter(process.stderr.readline, "")  # a busy machine may have more to say in between
    desktop.press("livebg", "f")
    assert "livebg: auto-framing 60\n" in said
    desktop.press("livebg", "k")
    assert any("no other network is here" in line for line in said)
    desktop.press("livebg", "t")
    assert "livebg: preset quality\n" in said
    desktop.press("livebg", "q")
    process.communicate(timeout=20)
    assert process.returncode == 0
    assert json.loads(stats.read_text())["sinks"]["window"]["sent"] > 0


def test_a_snapshot_is_saved_where_livebg_runs(
    start: Start,
    words: list[str],
    desktop: Desktop,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    process = start([*words, "--loop"], DISPLAY=desktop.display)
    desktop.press("livebg", "s")
    assert process.stderr is not None
    saved = re.search(r"saved (\S+\.png)", process.stderr.readline())
    assert saved is not None
    assert cv2.imread(saved[1]) is not None
    desktop.press("livebg", "q")
    process.communicate(timeout=20)
    assert process.returncode == 0


def test_closing_the_window_ends_it(
    start: Start, words: list[str], desktop: Desktop, tmp_path: Path
) -> None:
    process = start([*words, "--loop"], DISPLAY=desktop.display)
    desktop.close_by_hand("livebg")
    process.communicate(timeout=20)
    assert process.returncode == 0
