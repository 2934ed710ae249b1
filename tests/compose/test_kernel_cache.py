import os
import subprocess
import sys
from pathlib import Path

_PROGRAM = """
import sys
import numpy as np
from livebg.compose import kernel
from livebg.compose.sampling import taps_of
from livebg.types import Box

frame = np.zeros((32, 48, 3), np.uint8)
tiles = np.array([[0, 1, 2], [2, 2, 0]], np.uint8)
plane = np.ones((4, 6), np.float32)
taps = taps_of((48, 32), Box(0, 0, 48, 32), (6, 4))
colours = np.zeros((4, 6, 6), np.float32)
if sys.argv[1] == "matte":
    kernel.matte_tiles(frame, tiles, plane, plane, taps, np.empty((32, 48), np.uint8))
else:
    out = np.empty((32, 48, 4), np.uint8)
    kernel.cutout_tiles(frame, tiles, plane, plane, taps, colours, taps, out)
"""


def test_a_second_process_may_compile_what_the_first_did_not(tmp_path: Path) -> None:
    """Both share functions; numba finds those of the first process in its cache on disk."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    for function in ("matte", "cutout", "matte"):
        subprocess.run(
            [sys.executable, "-c", _PROGRAM, function], env=environment, check=True, timeout=120
        )
    assert any(tmp_path.rglob("*.nbi"))
