import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from livebg.pixels import kept_code


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    kept_code.kept_code_folder.cache_clear()
    yield tmp_path
    kept_code.kept_code_folder.cache_clear()


def test_the_folder_may_be_chosen(folder: Path) -> None:
    assert kept_code.kept_code_folder() == folder


def test_where_the_cache_may_only_be_read_the_folder_is_a_private_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    monkeypatch.setenv("LIVEBG_CACHE", str(folder))
    kept_code.kept_code_folder.cache_clear()
    assert folder in kept_code.kept_code_folder().parents
    kept_code.kept_code_folder.cache_clear()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    private = kept_code.kept_code_folder()
    assert folder not in private.parents
    assert private.stat().st_mode & 0o777 == 0o700
    private.rmdir()


def test_code_is_kept_once_that_was_said(folder: Path) -> None:
    assert not kept_code.all_kept()
    kept_code.keep_all()
    assert kept_code.all_kept()


def test_where_there_is_no_folder_nothing_is_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(folder / "missing"))
    kept_code.kept_code_folder.cache_clear()
    kept_code.keep_all()
    assert not kept_code.all_kept()


def test_files_that_a_crash_left_empty_are_forgotten(folder: Path) -> None:
    files = [folder / "pixels_0" / name for name in ("a.1.nbc", "a.nbi", "b.nbi", "notes")]
    files[0].parent.mkdir()
    for file in files:
        file.touch()
    files[2].write_bytes(b"whole")
    kept_code.forget_torn()
    assert [file.exists() for file in files] == [False, False, True, True]


def test_code_that_cannot_be_kept_is_not_counted_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(kept_code, "_lost", [])
    kept_code.keep_all()
    for _ in range(2):
        kept_code.keep_nothing_more(OSError(28, "No space left on device"))
    assert not kept_code.all_kept()
    kept_code.keep_all()
    assert not kept_code.all_kept()
    assert caplog.text.count("No space left on device") == 1


def test_where_no_folder_can_be_made_it_is_missing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.delenv("NUMBA_CACHE_DIR")
    monkeypatch.setenv("LIVEBG_CACHE", str(folder))
    kept_code.kept_code_folder.cache_clear()
    monkeypatch.setattr(Path, "mkdir", refuse)
    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    assert not kept_code.kept_code_folder().exists()
