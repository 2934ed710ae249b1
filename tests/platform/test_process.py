from __future__ import annotations

import platform
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from livebg.bench.isolation import run_isolated
from livebg.platform import process
from livebg.platform.process import peak_memory_mib, resident_memory_mib, thread_count

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


@pytest.mark.integration
@linux
def test_the_peak_outlasts_what_was_given_back() -> None:
    before, after, peak = run_isolated(grow_and_shrink, 64)
    # Python itself may take or return a few MiB meanwhile.
    assert after - before == pytest.approx(64, abs=4)
    assert peak >= after - 1


@pytest.mark.integration
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


_FRAMES = """
import resource, sys
import numpy as np
from livebg.platform.process import keep_freed_memory

def faults_of_a_frame():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    pictures = [np.ones(5_000_000, np.uint8) for _ in range(4)]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

if sys.argv[1] == "kept":
    keep_freed_memory()
print(max([faults_of_a_frame() for _ in range(20)][5:]))
"""


@pytest.mark.integration
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc is set")
def test_the_memory_of_a_frame_is_kept_for_the_next() -> None:
    def faults(memory: str) -> int:
        command = [sys.executable, "-c", _FRAMES, memory]
        return int(subprocess.run(command, capture_output=True, check=True).stdout)

    # 20 MB are 4883 pages of memory: what is kept is there already.
    assert faults("kept") < 100
    assert faults("released") > 1000 or "glibc" not in platform.libc_ver()


_CODE = """
import llvmlite.binding as llvm
from livebg.platform.process import forget_code
from livebg.platform.process import resident_memory_mib

def compiles():
    llvm.parse_assembly("define i32 @answer() { ret i32 42 }").verify()

llvm.initialize_native_target()
llvm.initialize_native_asmprinter()
compiles()
before = resident_memory_mib()
forget_code("libllvmlite")
after = resident_memory_mib()
compiles()
print(before - after)
"""


@pytest.mark.integration
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux is asked")
def test_a_library_whose_code_was_forgotten_works_again() -> None:
    done = subprocess.run([sys.executable, "-c", _CODE], capture_output=True, check=True)
    assert float(done.stdout) > 1.0  # MiB; a megabyte of code runs for the least that LLVM can do
