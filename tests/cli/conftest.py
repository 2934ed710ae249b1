"""What tests of the command line share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

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
