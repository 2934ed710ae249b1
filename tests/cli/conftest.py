"""What tests of the command line share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.livebg_run import Start, starting


@pytest.fixture
def livebg_run(starts_processes: None) -> Iterator[Start]:
    """A function that starts the real ``livebg run``; none is left running."""
    with starting() as start:
        yield start
