"""The real command feeding a camera in a real PipeWire graph, read by real programs."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from livebg.frame import Image
from tests.support.camera_page import MISSING, CameraPage
from tests.support.livebg_process import LivebgProcess, Start
from tests.support.pipewire_graph import Graph, Reader
from tests.support.waiting import wait_until

SIZE = (640, 360)
GREEN = np.array((0, 255, 0))


@pytest.fixture
def livebg(
    start: Start, own_graph: Graph, talking_head_clip: Path, rvm_weights: Path
) -> Iterator[LivebgProcess]:
    """``livebg run`` on a clip in an endless loop, with a green background."""
    words = ["run", "--camera", str(talking_head_clip), "--loop", "--background", "color:#00ff00"]
    livebg = start(*words, "--virtual-camera", "pipewire")
    livebg.wait_for(own_graph.camera)
    yield livebg
    livebg.end_after(signal.SIGINT)


@pytest.fixture
def page(own_graph: Graph, tmp_path: Path) -> Iterator[CameraPage]:
    if MISSING:
        pytest.skip(
            f"needs {', '.join(MISSING)}; on Debian: "
            "apt install chromium xdg-desktop-portal dbus-bin"
        )
    page = CameraPage(own_graph, tmp_path)
    yield page
    page.close()


def is_filtered(picture: Image) -> bool:
    corner = picture[:30, :30].reshape(-1, 3).mean(axis=0)
    # Half the chroma and limited range: a few levels off.
    return bool(np.abs(corner - GREEN).max() < 8)


def is_card(picture: Image) -> bool:
    # The card is dark but for the sentence in its middle; the room is not.
    return bool(picture[:120].max() < 80)


def shows(reader: Reader, kind: Callable[[Image], bool]) -> bool:
    """Whether the last picture that was read is of a kind."""
    newest = reader.newest(SIZE)
    return newest is not None and kind(newest)


def test_a_program_gets_the_card_first_then_the_filtered_video_then_the_card(
    own_graph: Graph, livebg: LivebgProcess, tmp_path: Path
) -> None:
    reader = own_graph.read(1_000, tmp_path / "pictures")
    wait_until(lambda: shows(reader, is_filtered))
    assert livebg.end_after(signal.SIGINT)[0] == 0
    wait_until(lambda: shows(reader, is_card))
    pictures = reader.pictures(SIZE)
    assert is_card(pictures[0])
    assert all(is_card(picture) or is_filtered(picture) for picture in pictures)


def test_the_camera_runs_only_while_a_program_reads(
    own_graph: Graph, livebg: LivebgProcess, tmp_path: Path
) -> None:
    assert livebg.says("the camera is off until one does")
    reader = own_graph.read(1_000, tmp_path / "pictures")
    assert livebg.says("an app reads the virtual camera: the camera is on")
    wait_until(lambda: shows(reader, is_filtered))
    reader.stop()
    assert livebg.says("the camera is off until one does")


def test_it_outlives_the_daemon(own_graph: Graph, livebg: LivebgProcess, tmp_path: Path) -> None:
    reader = own_graph.read(1_000, tmp_path / "before")
    wait_until(lambda: shows(reader, is_filtered))
    own_graph.kill()
    reader.stop()
    own_graph.start()
    wait_until(own_graph.camera)
    again = own_graph.read(1_000, tmp_path / "after")
    wait_until(lambda: shows(again, is_filtered))
    again.stop()


def test_without_a_daemon_it_says_what_to_start(
    start: Start, own_graph: Graph, talking_head_clip: Path, rvm_weights: Path
) -> None:
    own_graph.kill()
    words = ["run", "--camera", str(talking_head_clip), "--virtual-camera", "pipewire"]
    status, said = start(*words).end()
    assert status == 2
    assert said.count("\n") == 1
    assert "systemctl --user start pipewire wireplumber" in said


def test_chromium_shows_it_through_the_portal(livebg: LivebgProcess, page: CameraPage) -> None:
    wait_until(lambda: page.track)
    assert page.track["label"] == "livebg"
    assert (page.track["width"], page.track["height"], page.track["frameRate"]) == (*SIZE, 30)
    wait_until(lambda: sum(map(is_filtered, page.pictures)) >= 10)
    assert livebg.end_after(signal.SIGINT)[0] == 0
    wait_until(lambda: is_card(page.pictures[-1]))
    assert all(is_card(picture) or is_filtered(picture) for picture in page.pictures)
