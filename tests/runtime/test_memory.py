import platform
import subprocess
import sys

import pytest

_FRAMES = """
import resource, sys
import numpy as np
from livebg.runtime.memory import keep_freed_memory

def faults_of_a_frame():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    pictures = [np.ones(5_000_000, np.uint8) for _ in range(4)]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

if sys.argv[1] == "kept":
    keep_freed_memory()
print(max([faults_of_a_frame() for _ in range(20)][5:]))
"""


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
from livebg.runtime.memory import forget_code
from livebg.runtime.process import resident_memory_mib

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


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux is asked")
def test_a_library_whose_code_was_forgotten_works_again() -> None:
    done = subprocess.run([sys.executable, "-c", _CODE], capture_output=True, check=True)
    assert float(done.stdout) > 1.0  # MiB; a megabyte of code runs for the least that LLVM can do
