import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from livebg.pixels import kept_code

pytest.importorskip("numba")

jit = pytest.importorskip("livebg.pixels.jit")

COPY_A_ROW = """
import logging, numpy
logging.basicConfig(level=logging.INFO)
from livebg.compose import rows
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


def test_it_compiles_once_into_the_users_cache_and_says_so(tmp_path: Path) -> None:
    assert run(tmp_path).count("preparing livebg for this processor") == 1
    assert list((tmp_path / "numba").rglob("rows.copy*.nbi"))
    assert run(tmp_path) == ""


def damage(path: Path, how: str) -> None:
    content = path.read_bytes()
    path.write_bytes({"torn": content[: len(content) // 2], "other": b"no pickle"}[how])


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
    monkeypatch.setattr(kept_code, "_lost", [])
    monkeypatch.setattr(kept_code, "_mark", lambda: Path("no-such-folder/complete"))


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
