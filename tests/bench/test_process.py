import sys
import threading

import numpy as np
import pytest

from livebg.bench.isolation import run_isolated
from livebg.bench.process import peak_mib, resident_mib, thread_count

linux = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")


def grow_and_shrink(size_mib: int) -> tuple[float, float, float]:
    before, after = resident_mib(), 0.0
    block = np.ones(size_mib * 2**20, np.uint8)
    after = resident_mib() or 0.0
    del block
    peak = peak_mib()
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
