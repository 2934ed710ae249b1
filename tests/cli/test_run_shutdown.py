"""Signals to the real command, in the worst moments: it ends soon, whatever hangs."""

from __future__ import annotations

import json
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.fakes import scene
from tests.support.livebg_process import Start
from tests.support.pretend_camera import PretendCamera, pretend_camera
from tests.support.waiting import wait_until

if sys.platform != "linux":
    pytest.skip("looks into /proc", allow_module_level=True)


RUN = ("run", "--background", "white")


@pytest.fixture
def mute_server() -> Iterator[socket.socket]:
    """A server that takes calls and never answers."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server


@pytest.fixture
def camera() -> Iterator[PretendCamera]:
    with pretend_camera([scene((320, 240))]) as camera:
        yield camera


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("scheme", ["http", "rtsp"])
def test_while_a_camera_is_opened_that_does_not_answer(
    start: Start,
    mute_server: socket.socket,
    scheme: str,
    number: signal.Signals,
    tmp_path: Path,
) -> None:
    url = f"{scheme}://127.0.0.1:{mute_server.getsockname()[1]}/camera"
    stats = tmp_path / "stats.json"
    run = start(*RUN, "--camera", url, "--null", "--stats", str(stats))
    call, _ = mute_server.accept()
    with call:
        status, _ = run.end_after(number)
    assert status == 130
    assert json.loads(stats.read_text())["ended"] == "interrupted"


def test_while_the_camera_is_silent(start: Start, camera: PretendCamera, rvm_weights: Path) -> None:
    run = start(*RUN, "--camera", camera.url, "--null")
    assert run.says("got 320x240")
    camera.mood = "silent"
    status, _ = run.end_after(signal.SIGINT)
    assert status == 0


@pytest.mark.parametrize("threads", [3, 5])
def test_while_the_network_is_compiled_for_the_first_time(
    start: Start, talking_head_clip: Path, cache_of_rvm: Path, threads: int
) -> None:
    words = ["--camera", str(talking_head_clip), "--loop", "--null", "--preset", "quality"]
    run = start(*RUN, *words, LIVEBG_CACHE=str(cache_of_rvm))
    assert run.says("640x360")
    wait_until(lambda: run.threads() >= threads)
    status, said = run.end_after(signal.SIGINT)
    assert status == 0
    assert "0 frames filtered" in said


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_the_second_signal_ends_it_at_once(
    start: Start, camera: PretendCamera, rvm_weights: Path, second: signal.Signals
) -> None:
    run = start(*RUN, "--camera", camera.url, "--null")
    assert run.says("got 320x240")
    camera.mood = "silent"  # so that a tidy end takes a while
    run.send(signal.SIGINT)
    wait_until(lambda: not run.survives(second))
    status, said = run.end_after(second)
    assert status == -second
    assert "Traceback" not in said
