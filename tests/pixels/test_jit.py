from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from livebg.compositing import kernel_numpy
from livebg.compositing.compositor import compositing_kernel
from livebg.matting.flow import Carried, FlowCarrier
from livebg.pixels import jit as jit_cache
from livebg.pixels.jit import jit_fallback, numpy_stands_in
from tests.support.mattes import noise_frame, noise_matte

pytest.importorskip("numba")

jit = pytest.importorskip("livebg.pixels.jit")

COPY_A_ROW = """
import logging, numpy
logging.basicConfig(level=logging.INFO)
from livebg.compositing import scanlines as rows
row, target = numpy.arange(9, dtype=numpy.uint8), numpy.zeros(9, numpy.uint8)
rows.copy(row, target)
assert (row == target).all()
"""


def run(cache: Path) -> str:
    environment = {k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"}
    finished = subprocess.run(
        [sys.executable, "-c", COPY_A_ROW],
        env=environment | {"LIVEBG_CACHE": str(cache)},
        capture_output=True,
        text=True,
        check=True,
    )
    return finished.stderr


@pytest.mark.integration
def test_it_compiles_once_into_the_users_cache_and_says_so(tmp_path: Path) -> None:
    assert run(tmp_path).count("preparing livebg for this processor") == 1
    assert list((tmp_path / "numba").rglob("rows.copy*.nbi"))
    assert run(tmp_path) == ""


def damage(path: Path, how: str) -> None:
    content = path.read_bytes()
    path.write_bytes({"torn": content[: len(content) // 2], "other": b"no pickle"}[how])


@pytest.mark.integration
@pytest.mark.parametrize("how", ["torn", "other"])
@pytest.mark.parametrize("ending", ["nbi", "nbc"])
def test_damaged_files_are_replaced(tmp_path: Path, ending: str, how: str) -> None:
    run(tmp_path)
    (file,) = (tmp_path / "numba").rglob(f"rows.copy-*.{ending}")
    damage(file, how)
    assert run(tmp_path).count("preparing livebg for this processor") == 1
    assert run(tmp_path) == ""


def total(values: Any) -> Any:
    return values.sum()


@pytest.fixture
def nothing_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jit_cache, "_lost", [])
    monkeypatch.setattr(jit_cache, "_mark", lambda: Path("no-such-folder/complete"))


def test_where_nothing_can_be_kept_it_compiles_all_the_same(
    nothing_lost: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(function: Any) -> None:
        raise RuntimeError("cannot cache function 'total': no locator available")

    monkeypatch.setattr(jit, "_KeptFunction", refuse)
    assert jit.compiled(total)(np.arange(4)) == 6
    assert "every start takes seconds longer" in caplog.text


def test_where_the_disk_is_full_it_compiles_all_the_same_and_says_so_once(
    nothing_lost: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(file: Any, key: Any, data: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("numba.core.caching.IndexDataCacheFile.save", refuse)
    compiled = jit.compiled(total)
    assert compiled(np.arange(4)) == 6
    assert compiled(np.arange(4.0)) == 6
    assert caplog.text.count("(No space left on device), so every start takes") == 1


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    jit_cache.jit_cache_folder.cache_clear()
    yield tmp_path
    jit_cache.jit_cache_folder.cache_clear()


def test_the_folder_may_be_chosen(folder: Path) -> None:
    assert jit_cache.jit_cache_folder() == folder


def test_where_the_cache_may_only_be_read_the_folder_is_a_private_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    monkeypatch.setenv("LIVEBG_CACHE", str(folder))
    jit_cache.jit_cache_folder.cache_clear()
    assert folder in jit_cache.jit_cache_folder().parents
    jit_cache.jit_cache_folder.cache_clear()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    private = jit_cache.jit_cache_folder()
    assert folder not in private.parents
    assert private.stat().st_mode & 0o777 == 0o700
    private.rmdir()


def test_code_is_kept_once_that_was_said(folder: Path) -> None:
    assert not jit_cache.all_kept()
    jit_cache.keep_all()
    assert jit_cache.all_kept()


def test_where_there_is_no_folder_nothing_is_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(folder / "missing"))
    jit_cache.jit_cache_folder.cache_clear()
    jit_cache.keep_all()
    assert not jit_cache.all_kept()


def test_files_that_a_crash_left_empty_are_forgotten(folder: Path) -> None:
    files = [folder / "pixels_0" / name for name in ("a.1.nbc", "a.nbi", "b.nbi", "notes")]
    files[0].parent.mkdir()
    for file in files:
        file.touch()
    files[2].write_bytes(b"whole")
    jit_cache.forget_torn()
    assert [file.exists() for file in files] == [False, False, True, True]


def test_code_that_cannot_be_kept_is_not_counted_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(jit_cache, "_lost", [])
    jit_cache.keep_all()
    for _ in range(2):
        jit_cache.keep_nothing_more(OSError(28, "No space left on device"))
    assert not jit_cache.all_kept()
    jit_cache.keep_all()
    assert not jit_cache.all_kept()
    assert caplog.text.count("No space left on device") == 1


def test_where_no_folder_can_be_made_it_is_missing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.delenv("NUMBA_CACHE_DIR")
    monkeypatch.setenv("LIVEBG_CACHE", str(folder))
    jit_cache.jit_cache_folder.cache_clear()
    monkeypatch.setattr(Path, "mkdir", refuse)
    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    assert not jit_cache.jit_cache_folder().exists()


def test_numpy_stands_in_for_all_threads_but_the_one_that_compiles() -> None:
    elsewhere: list[bool] = []

    def look() -> None:
        elsewhere.append(numpy_stands_in())
        elsewhere.append(compositing_kernel() is kernel_numpy)

    with jit_fallback():
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
        assert not numpy_stands_in()
    assert elsewhere == [True, True]
    look()
    assert not elsewhere[2]


def test_a_carrier_that_began_with_opencv_goes_on_with_compiled_code() -> None:
    pytest.importorskip("numba")
    frame = noise_frame((64, 48))
    matte = noise_matte(frame)
    made: list[FlowCarrier] = []

    def carry() -> None:
        if not made:
            made.append(FlowCarrier(frame.size))
        made[0].set_anchor(frame, matte)
        carried.append(made[0].carry(frame))
        kinds.append(type(made[0]._mover).__name__)

    carried: list[Carried] = []
    kinds: list[str] = []
    with jit_fallback():
        thread = threading.Thread(target=carry)
        thread.start()
        thread.join()
    carry()
    assert kinds == ["OpencvMover", "PatchMover"]
    # A picture that rests: both find that nothing has moved.
    assert np.abs(carried[0].matte.gain - carried[1].matte.gain).max() < 0.1
