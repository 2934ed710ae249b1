import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

numba = pytest.importorskip("numba")

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
    assert run(tmp_path).count("compiling the compositing kernel") == 1
    assert list((tmp_path / "numba").rglob("rows.copy*.nbi"))
    assert run(tmp_path) == ""


def test_where_nothing_can_be_kept_it_compiles_all_the_same(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def njit(function: Any, *, cache: bool = False, **options: Any) -> Any:
        if cache:
            raise RuntimeError("cannot cache function 'total': no locator available")
        return numba.njit(function, **options)

    def total(values: Any) -> Any:
        return values.sum()

    monkeypatch.setattr(jit, "njit", njit)
    with caplog.at_level(logging.INFO, logger="livebg"):
        compiled = jit.compiled(total)
    assert compiled(np.arange(4)) == 6
    assert "every start takes seconds longer" in caplog.text
