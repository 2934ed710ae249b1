import os
import subprocess
import sys
from pathlib import Path

import pytest

from livebg.platform.linux.procfs import Holder, Holders, find_holders

if sys.platform != "linux":
    pytest.skip("reads Linux's /proc", allow_module_level=True)


def add_process(proc: Path, pid: int, name: str, *files: Path) -> None:
    folder = proc / str(pid) / "fd"
    folder.mkdir(parents=True)
    (folder.parent / "comm").write_text(f"{name}\n")
    for number, file in enumerate(files):
        (folder / str(number)).symlink_to(file)


@pytest.fixture
def device(tmp_path: Path) -> Path:
    path = tmp_path / "video10"
    path.touch()
    return path


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    folder = tmp_path / "proc"
    folder.mkdir()
    (folder / "meminfo").touch()
    return folder


def test_it_says_who_has_the_device_open_and_how_often(
    proc: Path, device: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.touch()
    link = tmp_path / "by-id"
    link.symlink_to(device)
    add_process(proc, 200, "zoom", other, device, link)
    add_process(proc, 30, "chrome", device)
    add_process(proc, 31, "bystander", other, tmp_path / "closed a moment ago")
    assert find_holders([device], proc) == Holders(
        (Holder(30, "chrome", str(device), 1), Holder(200, "zoom", str(device), 2))
    )


def test_several_devices_are_searched_in_some_processes(
    proc: Path, device: Path, tmp_path: Path
) -> None:
    second = tmp_path / "video11"
    second.touch()
    add_process(proc, 30, "relay", device, second)
    add_process(proc, 31, "zoom", second)
    (proc / "32").mkdir()  # it ended a moment ago
    found = find_holders([device, second, tmp_path / "none"], proc, pids=[30, 32, 99]).others
    assert [(holder.path, holder.files) for holder in found] == [(str(device), 1), (str(second), 1)]


def test_the_own_process_is_counted_apart(proc: Path, device: Path) -> None:
    add_process(proc, os.getpid(), "livebg", device, device)
    assert find_holders([device], proc) == Holders((), own_files=2)


def test_a_process_that_may_not_be_looked_at_is_said(
    proc: Path, device: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_process(proc, 30, "somebody else's", device)
    monkeypatch.setattr(os, "scandir", _refuse)
    assert find_holders([device], proc) == Holders((), complete=False)


def _refuse(path: object) -> None:
    raise PermissionError(13, "Permission denied")


@pytest.mark.integration
def test_a_real_process_is_found(device: Path) -> None:
    with (
        device.open() as held,
        subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=held) as process,
    ):
        found = find_holders([device])
        assert process.stdin is not None
        process.stdin.close()
    (holder,) = found.others
    assert str(holder) == f"cat (process {process.pid})"
    assert found.own_files == 1
