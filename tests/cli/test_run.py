"""The real command on the real clip with the real network; signals go to a process of its own.

The real command is stopped for a while, as by a sleep of the machine, and the person leaves.
"""

from __future__ import annotations

import json
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from livebg.cli.main import main
from livebg.cli.outputs import Outputs
from livebg.cli.run import _explain_on_demand
from livebg.frame import Frame, Image
from livebg.sources.video import VideoFile
from tests.support.desktop import Desktop
from tests.support.livebg_process import LivebgProcess, Start
from tests.support.pretend_camera import PretendCamera, pretend_camera
from tests.support.waiting import wait_until

GREEN = "color:#00ff00"
LONG = "x" * 300


@pytest.fixture
def words(talking_head_clip: Path, rvm_weights: Path) -> list[str]:
    return ["run", "--camera", str(talking_head_clip), "--background", GREEN]


@pytest.fixture
def looped(start: Start, words: list[str]) -> Start:
    """A function that starts the command on a looped clip and waits until its session runs."""

    def start_looped(*more: str, **environment: str) -> LivebgProcess:
        livebg = start(*words, "--loop", *more, **environment)
        assert livebg.says("640x360 at 30 frames/s")
        return livebg

    return start_looped


@pytest.fixture
def recording(looped: Start, tmp_path: Path) -> tuple[LivebgProcess, Path]:
    """The command while it records, and its recording."""
    out = tmp_path / "out.mkv"
    livebg = looped("--record", str(out))
    livebg.wait_for(lambda: size_of(draft_of(out)) > 10_000)
    return livebg, out


def draft_of(recording: Path) -> Path:
    return recording.with_name("out.partial.mkv")


def size_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def frames_of(path: Path) -> list[Frame]:
    with VideoFile(path) as video:
        return list(video)


def has_green_corner(frame: Frame) -> bool:
    corner = frame.image[:30, :30].reshape(-1, 3).mean(axis=0)
    # H.264 in 4:2:0 and limited range: a few levels off.
    return bool(np.abs(corner - (0, 255, 0)).max() < 12)


def test_a_recording_holds_the_filtered_video_and_statistics_say_what_happened(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, stats = tmp_path / "out.mp4", tmp_path / "stats.json"
    assert main([*words, "--record", str(out), "--null", "--stats", str(stats)]) == 0
    assert f"livebg: recorded {out}\n" in capsys.readouterr().err
    summary = json.loads(stats.read_text())
    frames = frames_of(out)
    assert frames[0].size == (640, 360)
    assert len(frames) == summary["sinks"]["recording"]["sent"] > 0
    # On a busy machine, a card stands for pictures that are late.
    assert all(has_green_corner(frame) or is_card(frame) for frame in frames)
    assert any(map(has_green_corner, frames))
    counts = summary["frames"]
    assert counts["in"] + counts["missed"] == 72
    assert counts["out"] + counts["dropped"] == counts["in"]
    assert summary["inference"]["model"] == "rvm"
    assert 0 < summary["inference"]["count"] <= counts["out"]
    assert sum(summary["inference"]["reasons"].values()) == counts["out"]
    assert {"capture", "wait", "process", "segment"} <= set(summary["stages_ms"])
    assert summary["ended"] == "end of the source"
    assert summary["audio_offset_ms"] == summary["latency_ms"]["p50"] > 0
    for stage in ("carry", "segment", "refine", "compose"):
        assert {"count", "mean", "p50", "p95", "p99"} == set(summary["stages_ms"][stage])


def test_an_older_recording_is_not_taken_for_one_of_this_session(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "kept.mp4"
    kept.write_bytes(b"an older recording")
    assert main([*words, "--record", str(kept), "--background", "no-such-picture.jpg"]) == 2
    assert "recorded" not in capsys.readouterr().err
    assert kept.read_bytes() == b"an older recording"


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
        ("--camera /no/such/video.mp4 --null", "/no/such/video.mp4"),
        ("--no-window", "there is no output; name one or more of"),
        ("--record /no/such/folder/out.mp4", "/no/such/folder"),
        ("--record out.txt", "out.txt"),
        ("--null --stats /no/such/folder/s.json", "the folder /no/such/folder does not exist"),
        ("--null --seconds 0", "must be more than 0 and at most 100000000, not 0;"),
        ("--null --seconds inf", "at most 100000000, not inf;"),
        ("--null --seconds 1e300", "at most 100000000, not 1e+300;"),
        ("--null --keep dog", "finds people only and cannot keep dog"),
        ("--null --model rwm", "rvm"),
        ("--null --background no-such-picture.jpg", "no-such-picture.jpg"),
        ("--virtual-camera /dev/no-such-device", "virtual camera /dev/no-such-device"),
        (f"--null --camera {LONG}.mp4", f"camera: {LONG}.mp4: this cannot be read"),
        (f"--record {LONG}.mp4", f"livebg: {LONG}.mp4: this cannot be written to"),
        (f"--alpha {LONG}", f"livebg: {LONG}: this cannot be written to"),
        (f"--null --stats {LONG}.json", f"livebg: {LONG}.json: this cannot be written to"),
        (f"--null --config {LONG}.toml", f"livebg: {LONG}.toml: the configuration file"),
        (f"--null --background {LONG}.png", f"background '{LONG}.png' is neither"),
    ],
)
def test_what_cannot_be_done_is_refused(
    words: list[str],
    extra: str,
    sentence: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*words, *extra.split()]) == 2
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
    recording: tuple[LivebgProcess, Path], number: signal.Signals
) -> None:
    livebg, out = recording
    status, said = livebg.end_after(number)
    assert status == 0
    assert f"recorded {out}" in said
    assert frames_of(out)


def test_the_last_picture_is_never_the_room(recording: tuple[LivebgProcess, Path]) -> None:
    livebg, out = recording
    livebg.end_after(signal.SIGKILL)
    last = frames_of(draft_of(out))[-1]
    assert has_green_corner(last) or is_card(last)


def test_a_changed_configuration_file_changes_the_picture(
    start: Start, talking_head_clip: Path, rvm_weights: Path, tmp_path: Path
) -> None:
    config, out = tmp_path / "livebg.toml", tmp_path / "out.mkv"
    config.write_text(f'background = "{GREEN}"\n')
    words = ["run", "--camera", str(talking_head_clip), "--loop", "--record", str(out)]
    livebg = start(*words, "--config", str(config))
    livebg.wait_for(lambda: size_of(draft_of(out)) > 10_000)
    config.write_text('background = "kitchen.jpg"\n')
    assert livebg.says("kitchen.jpg")
    config.write_text("backround = 1\n")
    assert livebg.says("'backround'")
    config.write_text('background = "color:#0000ff"\n')
    assert livebg.says("changing background")
    written = size_of(draft_of(out))
    livebg.wait_for(lambda: size_of(draft_of(out)) > written + 20_000)
    livebg.end_after(signal.SIGINT)
    frames = [frame for frame in frames_of(out) if not is_card(frame)]
    assert has_green_corner(frames[0])
    corner = frames[-1].image[:30, :30].reshape(-1, 3).mean(axis=0)
    assert np.abs(corner - (255, 0, 0)).max() < 12


def test_keys_change_preset_and_framing_and_name_what_is_missing(
    looped: Start, desktop: Desktop, tmp_path: Path, cache_of_rvm: Path
) -> None:
    stats = tmp_path / "stats.json"
    livebg = looped("--stats", str(stats), LIVEBG_CACHE=str(cache_of_rvm))
    for key, words in [
        ("f", "livebg: auto-framing 60\n"),
        ("k", "no other network is here"),
        ("t", "livebg: preset quality\n"),
    ]:
        desktop.press("livebg", key)
        assert livebg.says(words)
    desktop.press("livebg", "n", "m", "space", "space", "i", "h")
    desktop.press("livebg", "q")
    assert livebg.end()[0] == 0
    summary = json.loads(stats.read_text())
    assert summary["ended"] == "stopped"
    assert summary["sinks"]["window"]["sent"] > 0


def test_a_snapshot_is_saved_where_livebg_runs(
    looped: Start, desktop: Desktop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    livebg = looped()
    desktop.press("livebg", "s")
    saved = next(filter(None, (re.search(r"saved (\S+\.png)", line) for line in livebg.lines)))
    assert cv2.imread(saved[1]) is not None
    desktop.press("livebg", "q")
    assert livebg.end()[0] == 0


def test_closing_the_window_ends_it(looped: Start, desktop: Desktop) -> None:
    livebg = looped()
    desktop.close_by_hand("livebg")
    assert livebg.end()[0] == 0


@pytest.mark.parametrize(
    ("can_rest", "alone", "said"),
    [
        (True, True, ""),
        (False, True, "the camera stays on"),
        (True, False, "every other output shows a card"),
    ],
)
def test_what_on_demand_means_is_said_where_it_may_surprise(
    can_rest: bool, alone: bool, said: str
) -> None:
    notices: list[str] = []
    outputs = Outputs(("virtual-camera",), only_virtual_camera=alone, on_demand=True)
    _explain_on_demand(outputs, can_rest=can_rest, notice=notices.append)
    assert bool(notices) == bool(said)
    assert said in "".join(notices)


SIZE = (640, 360)
STOPPED_S = 2.0
RESUMED_S = 5.0
"""The camera is back after less than one. The recording's length says nothing: the first card
pushes out what had been held back."""


def pictures(path: Path, count: int) -> list[Image]:
    with VideoFile(path) as video:
        return [
            np.asarray(cv2.resize(frame.image, SIZE), np.uint8) for frame in islice(video, count)
        ]


@pytest.fixture
def camera(talking_head_clip: Path) -> Iterator[PretendCamera]:
    with pretend_camera(pictures(talking_head_clip, 20)) as camera:
        yield camera


def plate_share(frame: Frame) -> float:
    """Return how much of a picture is the plate, to within what H.264 does to it."""
    return float((np.abs(frame.image.astype(int) - (0, 255, 0)).max(axis=2) < 40).mean())


def is_card(frame: Frame) -> bool:
    return plate_share(frame) == 0.0 and bool(frame.image[:100].max() < 80)


def test_it_resumes_behind_the_card_and_with_nothing_of_the_old_matte(
    start: Start,
    camera: PretendCamera,
    clip: Callable[[str], Path],
    rvm_weights: Path,
    tmp_path: Path,
) -> None:
    out = tmp_path / "out.mkv"
    livebg = start("run", "--camera", camera.url, "--background", GREEN, "--record", str(out))
    assert livebg.says("got 640x360")
    livebg.wait_for(lambda: size_of(draft_of(out)) > 60_000)
    livebg.send(signal.SIGSTOP)
    camera.show(pictures(clip("no_face.mp4"), 1))
    stopped_s = time.monotonic()
    wait_until(lambda: time.monotonic() > stopped_s + STOPPED_S)
    livebg.send(signal.SIGCONT)
    resumed_s = time.monotonic()
    wait_until(lambda: time.monotonic() > resumed_s + RESUMED_S)
    status, said = livebg.end_after(signal.SIGINT)
    assert status == 0, said
    frames = frames_of(out)
    times_s = np.array([frame.captured_ns / 1e9 for frame in frames])
    pause = int(np.argmax(np.diff(times_s)))
    assert times_s[pause + 1] - times_s[pause] > STOPPED_S / 2
    assert 0.2 < plate_share(frames[pause]) < 0.95
    after = frames[pause + 1 :]
    assert is_card(after[0])
    assert not is_card(after[-1])
    assert all(is_card(frame) or plate_share(frame) > 0.97 for frame in after)
