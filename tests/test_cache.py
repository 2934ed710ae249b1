from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from platformdirs import user_cache_path

from livebg import cache
from livebg.cache import cache_folder, intact_file, read_stamp, write_stamp


def holds_good(digest: str, size_bytes: int) -> bool:
    good = "770e607624d689265ca6c44884d0807d9b054d23c473c106c72be9de08b7376c"  # sha256 of b"good"
    return (digest, size_bytes) == (good, 4)


@pytest.fixture
def good_file(tmp_path: Path) -> Path:
    path = tmp_path / "file.bin"
    path.write_bytes(b"good")
    assert intact_file(path, holds_good)
    return path


def test_environment_chooses_the_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVEBG_CACHE", "~/elsewhere")
    assert cache_folder() == Path.home() / "elsewhere"


def test_operating_system_chooses_the_folder_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVEBG_CACHE", "")
    assert cache_folder() == user_cache_path("livebg", appauthor=False)


def test_stamped_file_is_not_read_again(good_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> str:
        raise AssertionError(f"{path} was read")

    monkeypatch.setattr(cache, "file_sha256", refuse)
    assert intact_file(good_file, holds_good)


@pytest.mark.parametrize("content", [b"", b"goo", b"good!", b"evil"])
def test_changed_file_is_noticed(good_file: Path, content: bytes) -> None:
    assert not intact_file(good_file.with_name("nothing"), holds_good)
    good_file.write_bytes(content)
    later = good_file.stat().st_mtime_ns + 1
    os.utime(good_file, ns=(later, later))
    assert not intact_file(good_file, holds_good)


def test_touched_file_is_read_again_and_trusted(good_file: Path) -> None:
    write_stamp(good_file, "", "a test")
    os.utime(good_file, ns=(1, 1))
    assert intact_file(good_file, holds_good)
    stamp = read_stamp(good_file)
    assert stamp is not None
    assert (stamp.modified_ns, stamp.source) == (1, "a test")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"size_bytes": 4}', "\ud800"])
def test_unreadable_stamp_counts_as_none(good_file: Path, text: str) -> None:
    stamp = good_file.with_name("file.bin.stamp")
    stamp.write_bytes(text.encode("utf-8", "surrogatepass"))
    assert read_stamp(good_file) is None
    assert intact_file(good_file, holds_good)
    assert read_stamp(good_file) is not None


def test_file_of_a_cache_that_may_only_be_read_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    path = tmp_path / "file.bin"
    path.write_bytes(b"good")
    monkeypatch.setattr(Path, "write_text", refuse)
    monkeypatch.setattr(Path, "unlink", refuse)
    assert intact_file(path, holds_good)
    assert read_stamp(path) is None
