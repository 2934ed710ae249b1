import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from livebg.bench.isolation import run_isolated
from livebg.runtime import process
from livebg.runtime.process import peak_memory_mib, resident_memory_mib, thread_count

linux = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")


def grow_and_shrink(size_mib: int) -> tuple[float, float, float]:
    before, after = resident_memory_mib(), 0.0
    block = np.ones(size_mib * 2**20, np.uint8)
    after = resident_memory_mib() or 0.0
    del block
    peak = peak_memory_mib()
    assert before is not None
    assert peak is not None
    return before, after, peak


@linux
def test_the_peak_outlasts_what_was_given_back() -> None:
    before, after, peak = run_isolated(grow_and_shrink, 64)
    # Python itself may take or return a few MiB meanwhile.
    assert after - before == pytest.approx(64, abs=4)
    assert peak >= after - 1


@linux
def test_the_memory_of_the_parent_is_not_counted() -> None:
    ballast = np.ones(300 * 2**20, np.uint8)
    _, _, peak = run_isolated(grow_and_shrink, 1)
    assert peak < ballast.nbytes / 2**20


def test_threads_are_counted() -> None:
    before = thread_count()
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    try:
        assert thread_count() == before + 1
    finally:
        end.set()
        thread.join()


def test_without_proc_the_peak_is_what_getrusage_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(process, "_STATUS", tmp_path / "missing")
    peak = peak_memory_mib()
    assert peak is None or 10 < peak < 100_000
    assert resident_memory_mib() is None
    assert thread_count() >= threading.active_count()
