import os
import sys
from pathlib import Path

import pytest

from livebg.atomic import PartialFile, StagedFolder
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
    partial.discard()
    partial.commit()
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_what_a_crash_left_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "out.partial.mp4").write_bytes(b"an hour of talk")
    partial = PartialFile(tmp_path / "out.mp4")
    assert partial.path == tmp_path / "out.partial-2.mp4"
    partial.discard()
    assert (tmp_path / "out.partial.mp4").read_bytes() == b"an hour of talk"


def test_a_link_is_followed_and_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "out.mp4").symlink_to(tmp_path / "real" / "file.mp4")
    partial = PartialFile(tmp_path / "out.mp4")
    partial.path.write_bytes(b"new")
    partial.commit()
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
    with pytest.raises(InputError, match="cannot be written to"):
        StagedFolder(Path("/proc/pictures"), "frame")


def test_a_name_that_is_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written to"):
        PartialFile(tmp_path / f"{'x' * 300}.mp4")
    with pytest.raises(InputError, match="cannot be written to"):
        PartialFile(tmp_path / f"{'x' * 250}.mp4")  # with .partial in it, it is
    with pytest.raises(InputError, match="cannot be written to"):
        StagedFolder(tmp_path / ("x" * 300), "frame")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_may_not_be_entered_is_refused(locked_folder: Path) -> None:
    with pytest.raises(InputError, match="locked"):
        PartialFile(locked_folder / "out.mp4")
    with pytest.raises(InputError, match="locked"):
        PartialFile(locked_folder / "inner" / "out.mp4")
    with pytest.raises(InputError, match="locked"):
        StagedFolder(locked_folder / "pictures", "frame")


def write_set(folder: Path, *contents: bytes) -> StagedFolder:
    staged = StagedFolder(folder, "frame")
    for content in contents:
        staged.write(content)
    return staged


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_pictures_appear_together(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "pictures"
    staged = write_set(folder, b"a", b"b")
    assert contents(folder) == {}
    staged.commit()
    assert contents(folder) == {"frame_0000.png": b"a", "frame_0001.png": b"b"}
    assert len(list(folder.iterdir())) == 2


def test_an_earlier_set_is_replaced_whole_and_nothing_else(tmp_path: Path) -> None:
    write_set(tmp_path, b"1", b"2", b"3").commit()
    others = {"alpha_0002.png": b"m", "frame_2.png": b"u", "frame_0002.jpg": b"j"}
    for name, content in others.items():
        (tmp_path / name).write_bytes(content)
    write_set(tmp_path, b"a", b"b").commit()
    assert contents(tmp_path) == others | {"frame_0000.png": b"a", "frame_0001.png": b"b"}


def test_a_discarded_set_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    write_set(tmp_path, b"1").commit()
    write_set(tmp_path, b"a", b"b").discard()
    assert contents(tmp_path) == {"frame_0000.png": b"1"}
    assert len(list(tmp_path.iterdir())) == 1


def test_a_discarded_set_takes_the_folder_that_it_made_along(tmp_path: Path) -> None:
    write_set(tmp_path / "new", b"a").discard()
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"")
    with pytest.raises(InputError, match="this is a file"):
        StagedFolder(tmp_path / "out", "frame")


def test_a_folder_that_vanishes_is_a_sink_error(tmp_path: Path) -> None:
    staged = StagedFolder(tmp_path / "out", "frame")
    for path in (tmp_path / "out").iterdir():
        path.rmdir()
    with pytest.raises(SinkError, match=r"out: writing failed \(No such file"):
        staged.write(b"a")
    staged.discard()
