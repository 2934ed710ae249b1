import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="closes streams with a POSIX shell")

TRY_ALL = """
import os, sys
from livebg.cli.streams import open_closed_streams
open_closed_streams()
with open(os.devnull) as file:
    assert file.fileno() > 2
assert not sys.stderr.isatty()
print("said")
print("said", file=sys.stderr, flush=True)
sys.stdout.flush()
assert sys.stdin.read() == ""
assert all(os.get_inheritable(number) for number in (0, 1, 2))
"""


def shell(redirection: str, *words: str, unbuffered: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {redirection}', "sh", sys.executable, *words],
        env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_lead_nowhere(closed: str) -> None:
    ended = shell(closed, "-c", TRY_ALL)
    assert ended.returncode == 0, ended.stderr


def test_streams_that_are_open_stay_as_they_are() -> None:
    ended = shell("", "-c", TRY_ALL)
    assert (ended.stdout, ended.stderr) == ("said\n", "said\n")


@pytest.mark.parametrize(("closed", "words"), [(">&-", ["--version"]), ("2>&-", ["vidoe"])])
def test_a_command_does_without_a_stream(closed: str, words: list[str]) -> None:
    ended = shell(closed, "-m", "livebg", *words)
    assert ended.returncode == (2 if words == ["vidoe"] else 0)
    assert (ended.stdout, ended.stderr) == ("", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, which Linux has")
@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
def test_an_output_that_is_full_is_one_sentence(unbuffered: str) -> None:
    ended = shell(">/dev/full", "-m", "livebg", "models", "list", unbuffered=unbuffered)
    assert ended.returncode == 1
    assert ended.stderr == (
        "livebg: writing failed ([Errno 28] No space left on device), "
        "make room or write elsewhere\n"
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, which Linux has")
def test_errors_that_nobody_can_read_leave_their_status() -> None:
    assert shell("2>/dev/full", "-m", "livebg", "vidoe").returncode == 2
