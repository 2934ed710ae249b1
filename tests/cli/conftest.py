"""What tests of the command line share."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.livebg_process import LivebgProcess, Start


@pytest.fixture
def start(starts_processes: None) -> Iterator[Start]:
    """A function that starts the real ``livebg``; no process is left running."""
    with ExitStack() as cleanup:

        def start(*words: str, **environment: str) -> LivebgProcess:
            livebg = LivebgProcess(*words, **environment)
            cleanup.enter_context(livebg.process)
            cleanup.callback(livebg.process.kill)
            return livebg

        yield start


@pytest.fixture
def cache_of_rvm(tmp_path: Path, rvm_weights: Path) -> Path:
    """A cache that holds the weights of RVM and nothing else."""
    cache = tmp_path / "cache"
    (cache / "weights").mkdir(parents=True)
    for file in (rvm_weights, rvm_weights.with_name(f"{rvm_weights.name}.stamp")):
        shutil.copy2(file, cache / "weights")
    return cache
