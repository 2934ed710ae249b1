import argparse
import errno
import logging
import os
import signal
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from livebg import __version__
from livebg.cli.main import COMMANDS, main
from livebg.errors import InputError, SinkError
from tests.support.clips import write_clip

HEAVY = {"torch", "torchvision", "openvino", "cv2", "av", "numba", "onnx", "numpy"}
"""What ``livebg --help`` must not import, to answer at once."""

Run = Callable[[argparse.Namespace], int]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[[Run], None]:
    """Return a function that makes its argument the subcommand ``probe``."""

    def install(run: Run) -> None:
        def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
            parser = subparsers.add_parser("probe", help="for this test")
            parser.add_argument("input", nargs="?")
            parser.add_argument("--number", type=int)
            parser.set_defaults(run=run)

        module = types.SimpleNamespace(add_parser=add_parser)
        monkeypatch.setitem(sys.modules, "livebg.cli.probe", module)
        monkeypatch.setitem(COMMANDS, "probe", "for this test")

    return install


def raising(error: BaseException) -> Run:
    def run(arguments: argparse.Namespace) -> int:
        raise error

    return run


@pytest.mark.integration
def test_help_lists_every_command_and_imports_nothing_heavy() -> None:
    shown = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from livebg.cli.main import main; status = main(['--help'])\n"
            "print(status, *sys.modules, file=sys.stderr)",
        ],
        capture_output=True,
        text=True,
        timeout=60,
    )
    status, *modules = shown.stderr.split()
    assert status == "0"
    assert not HEAVY.intersection(modules)
    for name, meaning in COMMANDS.items():
        assert f"    {name} " in shown.stdout
        assert meaning in " ".join(shown.stdout.split())


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_has_its_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"usage: livebg {name} ")
    assert "--debug" in shown


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"livebg {__version__}\n"


def test_no_command_shows_the_help_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "doctor" in capsys.readouterr().err


OPTIONS = "`livebg probe --help` lists the options"
USAGE = "`livebg probe --help` shows the usage"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("vidoe", "there is no command 'vidoe'; did you mean 'video'?"),
        ("zzz", "there is no command 'zzz'; `livebg --help` lists the commands"),
        ("--debgu", "livebg has no option --debgu; did you mean '--debug'?"),
        ("probe --nummer=3", "livebg probe has no option --nummer; did you mean '--number'?"),
        ("probe --zzz", f"livebg probe has no option --zzz; {OPTIONS}"),
        ("probe --fps 3", f"livebg probe has no option --fps; {OPTIONS}"),
        ("probe --num 3", "livebg probe has no option --num; did you mean '--number'?"),
        ("probe a b", f"livebg probe does not know what to do with 'b'; {USAGE}"),
        ("probe --number x", f"argument --number: invalid int value: 'x'; {USAGE}"),
    ],
)
def test_a_command_line_that_cannot_be_read_gets_one_sentence(
    install: Callable[[Run], None],
    capsys: pytest.CaptureFixture[str],
    words: str,
    said: str,
) -> None:
    install(lambda arguments: 0)
    assert main(words.split()) == 2
    shown = capsys.readouterr()
    assert shown.err == f"livebg: {said}\n"
    assert shown.out == ""


def test_the_status_is_that_of_the_command(install: Callable[[Run], None]) -> None:
    install(lambda arguments: int(arguments.number))
    assert main(["probe", "--number", "7"]) == 7


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (InputError("a.jpg is missing,\n  name a file that exists"), 2, "a.jpg is missing, name"),
        (SinkError("the disk is full"), 1, "the disk is full"),
        (ZeroDivisionError("by nought"), 1, "internal error, ZeroDivisionError: by nought; run it"),
        (
            PermissionError(errno.EACCES, "Permission denied", "/locked/in.mp4"),
            2,
            "/locked/in.mp4: Permission denied, check its permissions and its folders'",
        ),
        (
            OSError(errno.ENOSPC, "No space left on device", "/full/out.mp4"),
            1,
            "/full/out.mp4: No space left on device, make room or name another place",
        ),
        (PermissionError(errno.EPERM, "Not permitted"), 1, "internal error, PermissionError"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_an_error_becomes_one_sentence_and_a_status(
    install: Callable[[Run], None],
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    status: int,
    said: str,
) -> None:
    install(raising(error))
    assert main(["probe"]) == status
    shown = capsys.readouterr().err
    assert shown.startswith(f"livebg: {said}")
    assert shown.count("\n") == 1


LONG = "x" * 300


@pytest.mark.parametrize(
    "words",
    [
        f"video {LONG}.mp4 -o o.mp4",
        f"video CLIP -o {LONG}.mp4",
        f"video CLIP -o {LONG}",
        f"video CLIP --alpha {LONG}",
        f"video CLIP -o o.mp4 --stats {LONG}.json",
        f"image {LONG}.png -o o.png",
        f"image PICTURE -o {LONG}.png",
        f"demo {LONG}.mp4",
        f"demo CLIP -o {LONG}",
        f"bench --clip {LONG}.mp4",
        f"bench --clip CLIP --report {LONG}.md",
    ],
)
def test_a_name_that_is_too_long_gets_one_sentence(
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    rvm_weights: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    write_clip(tmp_path / "clip.mp4", count=3)
    cv2.imwrite(str(tmp_path / "picture.png"), np.zeros((64, 64, 3), np.uint8))
    words = words.replace("CLIP", "clip.mp4").replace("PICTURE", "picture.png")
    assert main(words.split()) == 2
    said = [line for line in capfd.readouterr().err.splitlines() if LONG in line]
    assert len(said) == 1
    assert said[0].startswith("livebg: ")
    assert not [path for path in tmp_path.iterdir() if path.name[0] in "ox"]


@pytest.mark.parametrize("words", [["--debug", "probe"], ["probe", "--debug", "--number", "3"]])
def test_debug_shows_the_traceback(
    install: Callable[[Run], None], capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    install(raising(SinkError("the disk is full")))
    assert main(words) == 1
    shown = capsys.readouterr().err
    assert shown.startswith("Traceback")
    assert shown.endswith("livebg: the disk is full\n")


@pytest.mark.integration
@pytest.mark.skipif(os.name != "posix", reason="pipes break otherwise on Windows")
def test_a_reader_that_goes_away_is_no_error() -> None:
    # Unbuffered, argparse itself swallows the error; what is buffered breaks at the last flush.
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONUNBUFFERED"}
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as out:
        ended = subprocess.run(
            [sys.executable, "-m", "livebg", "--help"],
            env=environment,
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )
    assert ended.returncode == 141
    assert ended.stderr == ""


@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_every_command_can_tidy_up_after_a_signal(
    install: Callable[[Run], None], capsys: pytest.CaptureFixture[str], number: signal.Signals
) -> None:
    tidied: list[bool] = []

    def run(arguments: argparse.Namespace) -> int:
        try:
            os.kill(os.getpid(), number)
        finally:
            tidied.append(True)
        return 0

    install(run)
    assert main(["probe"]) == 130
    assert capsys.readouterr().err == "livebg: interrupted\n"
    assert tidied == [True]


def test_who_waits_for_the_compiler_is_told(
    install: Callable[[Run], None], caplog: pytest.LogCaptureFixture
) -> None:
    def run(arguments: argparse.Namespace) -> int:
        for name in ("livebg.pixels.jit", "livebg.pixels"):
            logging.getLogger(name).info("from %s", name)
        return 0

    install(run)
    assert main(["probe"]) == 0
    assert caplog.messages == ["from livebg.pixels.jit"]
