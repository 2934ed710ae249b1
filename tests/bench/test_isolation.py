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


def own_id(prefix: str, *, suffix: str) -> str:
    print("what a library prints is no part of the answer")
    return f"{prefix}{os.getpid()}{suffix}"


def refuse() -> NoReturn:
    raise InputError("clip.mp4: there is no such file")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_function_runs_in_another_process() -> None:
    first, second = (run_isolated(own_id, "<", suffix=">") for _ in range(2))
    assert first.startswith("<")
    assert first.endswith(">")
    assert len({first, second, own_id("<", suffix=">")}) == 3


def test_what_it_prints_goes_to_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    run_isolated(own_id, "", suffix="")
    shown = capfd.readouterr()
    assert shown.out == ""
    assert "no part of the answer" in shown.err


def test_what_it_raises_is_raised_here_and_says_where_it_was() -> None:
    with pytest.raises(InputError, match=r"clip\.mp4") as raised:
        run_isolated(refuse)
    assert "in refuse" in raised.value.__notes__[0]


def test_a_process_that_dies_is_a_sentence() -> None:
    with pytest.raises(BenchError, match=r"ended with status -9, .* smaller --sizes"):
        run_isolated(die)


@pytest.mark.skipif(os.name != "posix", reason="pipes break otherwise on Windows")
def test_a_process_whose_parent_is_gone_ends_without_a_word() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as nobody:
        child = subprocess.run(
            [sys.executable, "-c", "from livebg.bench.isolation import serve; serve()"],
            input=pickle.dumps((os.getpid, (), {})),
            stdout=nobody,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert child.stderr == b""
