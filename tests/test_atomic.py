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


def test_places_where_no_file_can_be_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"missing does not exist, create it"):
        PartialFile(tmp_path / "missing" / "out.mp4")
    with pytest.raises(InputError, match="this is a folder"):
        PartialFile(tmp_path)


@ON_LINUX
def test_devices_and_folders_that_take_no_files_are_refused() -> None:
    with pytest.raises(InputError, match="no regular file"):
        PartialFile(Path(os.devnull))
    with pytest.raises(InputError, match="cannot be written to"):
        PartialFile(Path("/proc/out.mp4"))


def test_a_name_that_is_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written to"):
        PartialFile(tmp_path / f"{'x' * 300}.mp4")
    with pytest.raises(InputError, match="cannot be written to"):
        PartialFile(tmp_path / f"{'x' * 250}.mp4")  # with .partial in it, it is
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_may_not_be_entered_is_refused(locked_folder: Path) -> None:
    with pytest.raises(InputError, match="locked"):
        PartialFile(locked_folder / "out.mp4")
    with pytest.raises(InputError, match="locked"):
        PartialFile(locked_folder / "inner" / "out.mp4")


def test_a_folder_that_vanishes_is_a_sink_error(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    partial = PartialFile(tmp_path / "folder" / "out.mp4")
    partial.path.unlink()
    (tmp_path / "folder").rmdir()
    with pytest.raises(SinkError, match=r"out\.mp4: writing failed \(No such file"):
        partial.write(b"new")
    partial.close()
