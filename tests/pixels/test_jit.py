from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from livebg import pixels

jit = pytest.importorskip("livebg.pixels.jit")

COPY_A_ROW = """
import logging, numpy
logging.basicConfig(level=logging.INFO)
from livebg.pixels.encoding import copy_row
row, target = numpy.arange(9, dtype=numpy.uint8), numpy.zeros(9, numpy.uint8)
copy_row(row, target)
assert (row == target).all()
"""


def run(cache: Path) -> str:
    finished = subprocess.run(
        [sys.executable, "-c", COPY_A_ROW],
        env=os.environ | {"LIVEBG_CACHE": str(cache)},
        capture_output=True,
        text=True,
        check=True,
    )
    return finished.stderr


@pytest.mark.integration
def test_it_compiles_once_into_the_users_cache_and_says_so(tmp_path: Path) -> None:
    assert run(tmp_path).count("compiling livebg's kernels") == 1
    assert list((tmp_path / "numba").rglob("encoding.copy_row*.nbi"))
    assert run(tmp_path) == ""


def total(values: Any) -> Any:
    return values.sum()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache, in a process that has not compiled anything yet."""
    monkeypatch.setenv("LIVEBG_CACHE", str(tmp_path))
    cached = (jit.jit_cache_folder, jit._announce_compilation, jit._warn_of_lost_code)
    for function in cached:
        function.cache_clear()
    yield tmp_path / "numba"
    for function in cached:
        function.cache_clear()


@pytest.mark.parametrize("content", ["torn", "other", "empty"])
@pytest.mark.parametrize("ending", ["nbi", "nbc"])
def test_damaged_files_are_replaced(
    folder: Path, caplog: pytest.LogCaptureFixture, ending: str, content: str
) -> None:
    caplog.set_level("INFO", "livebg.pixels.jit")

    def compiles_anew() -> bool:
        jit._announce_compilation.cache_clear()
        caplog.clear()
        assert jit.compiled(total)(np.arange(4)) == 6
        return "compiling livebg's kernels" in caplog.text

    assert compiles_anew()
    assert not compiles_anew()
    (file,) = folder.rglob(f"test_jit.total-*.{ending}")
    whole = file.read_bytes()
    file.write_bytes({"torn": whole[: len(whole) // 2], "other": b"no", "empty": b""}[content])
    assert compiles_anew()
    assert not compiles_anew()


def test_where_the_disk_is_full_it_compiles_all_the_same_and_says_so_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(file: Any, key: Any, data: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("numba.core.caching.IndexDataCacheFile.save", refuse)
    compiled = jit.compiled(total)
    assert compiled(np.arange(4)) == 6
    assert compiled(np.arange(4.0)) == 6
    assert caplog.text.count("(No space left on device), so every start takes") == 1


def test_where_no_folder_can_be_made_it_compiles_all_the_same(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder.write_text("a file in its place")
    assert jit.compiled(total)(np.arange(4)) == 6
    assert "every start takes seconds longer" in caplog.text


def test_numbas_own_settings_are_left_alone(folder: Path) -> None:
    from numba.core import config

    before = os.environ.get("NUMBA_CACHE_DIR"), vars(config)["CACHE_DIR"]
    jit.compiled(total)(np.arange(4))
    assert (os.environ.get("NUMBA_CACHE_DIR"), vars(config)["CACHE_DIR"]) == before


def test_a_missing_numba_is_told_of_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)
    pixels.has_numba.cache_clear()
    try:
        assert not pixels.has_numba()
        assert not pixels.has_numba()
    finally:
        pixels.has_numba.cache_clear()
    assert caplog.text.count("livebg works without it") == 1
