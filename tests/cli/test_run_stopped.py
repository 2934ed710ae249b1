"""The real command is stopped for a while, as by a sleep of the machine, and the person leaves."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from livebg.source.video import VideoFile
from livebg.types import Frame, Image
from tests.livebg_run import Start, wait_until
from tests.pretend_camera import PretendCamera, pretend_camera

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
def camera(talking_head_clip: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PretendCamera]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with pretend_camera(pictures(talking_head_clip, 20)) as camera:
        yield camera


def plate_share(frame: Frame) -> float:
    """Return how much of a picture is the plate, to within what H.264 does to it."""
    return float((np.abs(frame.image.astype(int) - (0, 255, 0)).max(axis=2) < 40).mean())


def is_card(frame: Frame) -> bool:
    return plate_share(frame) == 0.0 and bool(frame.image[:100].max() < 80)


def test_it_resumes_behind_the_card_and_with_nothing_of_the_old_matte(
    livebg_run: Start,
    camera: PretendCamera,
    clip: Callable[[str], Path],
    rvm_weights: Path,
    tmp_path: Path,
) -> None:
    out, draft = tmp_path / "out.mkv", tmp_path / "out.partial.mkv"
    words = ["--camera", camera.url, "--background", "color:#00ff00", "--record", str(out)]
    run = livebg_run(*words)
    assert "got 640x360" in run.said()
    wait_until(lambda: draft.exists() and draft.stat().st_size > 60_000)
    run.send(signal.SIGSTOP)
    camera.show(pictures(clip("no_face.mp4"), 1))
    stopped_s = time.monotonic()
    wait_until(lambda: time.monotonic() > stopped_s + STOPPED_S)
    run.send(signal.SIGCONT)
    resumed_s = time.monotonic()
    wait_until(lambda: time.monotonic() > resumed_s + RESUMED_S)
    _, status, said = run.end_after(signal.SIGINT)
    assert status == 0, said
    with VideoFile(out) as video:
        frames = list(video)
    times_s = np.array([frame.captured_ns / 1e9 for frame in frames])
    pause = int(np.argmax(np.diff(times_s)))
    assert times_s[pause + 1] - times_s[pause] > STOPPED_S / 2
    assert 0.2 < plate_share(frames[pause]) < 0.95
    after = frames[pause + 1 :]
    assert is_card(after[0])
    assert not is_card(after[-1])
    assert all(is_card(frame) or plate_share(frame) > 0.97 for frame in after)
