import os
import pickle
import signal
import subprocess
import sys
from typing import NoReturn

import pytest

from livebg.bench.isolation import run_isolated
from livebg.errors import BenchError, InputError

pytestmark = pytest.mark.integration


def own_id(prefix: str) -> str:
    print("what a library prints is no part of the answer")
    return f"{prefix}{os.getpid()}"


def refuse() -> NoReturn:
    raise InputError("clip.mp4: there is no such file")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_function_runs_in_another_process_and_prints_to_stderr(
    capfd: pytest.CaptureFixture[str],
) -> None:
    first, second = (run_isolated(own_id, "id ") for _ in range(2))
    assert first.startswith("id ")
    shown = capfd.readouterr()
    assert shown.out == ""
    assert "no part of the answer" in shown.err
    assert len({first, second, own_id("id ")}) == 3


def test_its_error_is_raised_here_with_its_traceback() -> None:
    with pytest.raises(InputError, match=r"clip\.mp4") as raised:
        run_isolated(refuse)
    assert "in refuse" in raised.value.__notes__[0]


def test_a_process_that_dies_is_a_sentence() -> None:
    with pytest.raises(BenchError, match=r"ended with status -9, .* smaller --sizes"):
        run_isolated(die)


@pytest.mark.skipif(os.name != "posix", reason="pipes break otherwise on Windows")
def test_a_process_whose_parent_is_gone_ends_silently() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as closed:
        child = subprocess.run(
            [sys.executable, "-c", "from livebg.bench.isolation import serve; serve()"],
            input=pickle.dumps((os.getpid, ())),
            stdout=closed,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert child.stderr == b""
