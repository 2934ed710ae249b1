import os
import sys
from pathlib import Path

import pytest

from livebg.atomic import PartialFile
from livebg.errors import InputError, SinkError

ON_LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc and /dev")


def test_a_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    partial = PartialFile(target)
    assert partial.path == tmp_path / "out.partial.mp4"
    partial.path.write_bytes(b"new")
    assert not target.exists()
    partial.commit()
    assert target.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_that_is_there_stays_until_then(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    target.write_bytes(b"old")
    partial = PartialFile(target)
    partial.path.write_bytes(b"new")
    partial.close()
    partial.commit()
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_the_partial_file_of_a_crash_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "out.partial.mp4").write_bytes(b"an hour of talk")
    partial = PartialFile(tmp_path / "out.mp4")
    assert partial.path == tmp_path / "out.partial-2.mp4"
    partial.close()
    assert (tmp_path / "out.partial.mp4").read_bytes() == b"an hour of talk"


def test_a_link_is_followed_and_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "out.mp4").symlink_to(tmp_path / "real" / "file.mp4")
    PartialFile(tmp_path / "out.mp4").write(b"new")
    assert (tmp_path / "out.mp4").is_symlink()
    assert (tmp_path / "real" / "file.mp4").read_bytes() == b"new"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing/out.mp4", "missing does not exist, create it"),
        ("", "this is a folder"),
        (f"{'x' * 300}.mp4", "cannot be written to"),
        (f"{'x' * 250}.mp4", "cannot be written to"),  # too long with .partial in it
        pytest.param(os.devnull, "no regular file", marks=ON_LINUX),
        pytest.param("/proc/out.mp4", "cannot be written to", marks=ON_LINUX),
    ],
)
def test_places_where_no_file_can_be_are_refused(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        PartialFile(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["out.mp4", "inner/out.mp4"])
def test_a_folder_that_may_not_be_entered_is_refused(locked_folder: Path, name: str) -> None:
    with pytest.raises(InputError, match="locked"):
        PartialFile(locked_folder / name)


def test_a_folder_that_vanishes_is_a_sink_error(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    partial = PartialFile(tmp_path / "folder" / "out.mp4")
    partial.path.unlink()
    (tmp_path / "folder").rmdir()
    with pytest.raises(SinkError, match=r"out\.mp4: writing failed \(No such file"):
        partial.write(b"new")
    partial.close()
