"""The command ``livebg``: runs a subcommand, and turns errors into sentences.

A subcommand is a module of ``livebg.cli`` with ``add_parser(subparsers)``, which adds its parser
and sets the default ``run``, and ``run(arguments) -> int``, which returns the exit status. Only the
module of the subcommand that the command line names is imported.

Exit status: that of ``run``; for a ``LivebgError`` its ``exit_status``; 1 for an unexpected error
and a full disk; 2 for a wrong command line and a forbidden path; 130 after Ctrl+C, SIGTERM or
SIGHUP; 141 when the program that reads our output has gone.
"""

from __future__ import annotations

import argparse
import atexit
import errno
import gc
import importlib
import logging
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import NoReturn

from livebg import __version__
from livebg.cli.console import (
    INTERRUPTED,
    drop_buffer,
    interrupt_on_signals,
    is_full,
    open_closed_streams,
)
from livebg.errors import LivebgError, UsageError, did_you_mean
from livebg.platform.process import tune_process

__all__ = ["COMMANDS", "main"]

_BROKEN_PIPE = 128 + 13
"""As a shell reports a program that SIGPIPE ended."""

_PATH_ERRORS = {
    **dict.fromkeys((errno.EACCES, errno.EPERM), ("check its permissions and its folders'", 2)),
    errno.ENAMETOOLONG: ("choose a shorter one", 2),
    errno.ENOSPC: ("make room or name another place", 1),
}
"""What to do about a path that the system refuses, and the exit status, by the error's number."""


COMMANDS = {
    "run": "filter a camera live: to a window, a virtual camera, a recording",
    "video": "filter a video file or a folder of pictures",
    "image": "filter one picture",
    "demo": "see it work on a real clip, with no camera needed",
    "bench": "measure speed, latency and quality",
    "cameras": "list cameras and their modes",
    "doctor": "check what works here and how to mend what does not",
    "setup": "show or do what the system needs for a virtual camera",
    "service": "start livebg at every log-in",
    "models": "list, fetch and add networks",
}
"""The subcommands, which are modules of ``livebg.cli``, and their lines in ``livebg --help``."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``livebg`` with the arguments ``argv`` (those of the process by default).

    Returns:
        The exit status. An error becomes one sentence on stderr, after a traceback if ``--debug``.
    """
    # At its exit Python would search a hundred thousand objects for garbage, for 0.25 s.
    atexit.register(gc.freeze)
    open_closed_streams()
    given = sys.argv[1:] if argv is None else argv
    debug = "--debug" in given
    words = [word for word in given if word != "--debug"]
    _configure_logging(debug)
    tune_process()
    try:
        with interrupt_on_signals():
            status = _run(words)
        sys.stdout.flush()
        return status
    except LivebgError as error:
        return _fail(_one_line(error), error.exit_status, debug)
    except KeyboardInterrupt:
        return _fail("interrupted", INTERRUPTED, debug)
    except BrokenPipeError:
        drop_buffer(sys.stdout)
        return _BROKEN_PIPE
    except Exception as error:
        if isinstance(error, OSError) and error.filename and error.errno in _PATH_ERRORS:
            advice, status = _PATH_ERRORS[error.errno]
            return _fail(f"{error.filename}: {error.strerror}, {advice}", status, debug)
        if is_full(error):
            drop_buffer(sys.stdout)
            sentence = f"writing failed ({_one_line(error)}), make room or write elsewhere"
            return _fail(sentence, 1, debug)
        what = f"{type(error).__name__}: {_one_line(error)}"
        hint = "" if debug else "; run it again with --debug and report what that shows"
        return _fail(f"internal error, {what}{hint}", 1, debug)


class _Parser(argparse.ArgumentParser):
    """A parser that raises a UsageError instead of printing the usage."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; `{self.prog} --help` shows the usage")


def _run(words: list[str]) -> int:
    name = next((word for word in words if not word.startswith("-")), None)
    if name is not None and name not in COMMANDS:
        hint = did_you_mean(name, COMMANDS) or "; `livebg --help` lists the commands"
        raise UsageError(f"there is no command {name!r}{hint}")
    parser, chosen = _build_parser(name)
    try:
        arguments, unknown = parser.parse_known_args(words)
    except SystemExit as ended:  # --help and --version
        return int(ended.code or 0)
    if unknown:
        _refuse(unknown[0], chosen)
    if name is None:
        parser.print_help(sys.stderr)
        return UsageError.exit_status
    run: Callable[[argparse.Namespace], int] = arguments.run
    return run(arguments)


def _build_parser(chosen: str | None) -> tuple[argparse.ArgumentParser, argparse.ArgumentParser]:
    """Return the whole parser, and within it that of the subcommand ``chosen`` (or the whole)."""
    parser = _Parser(
        prog="livebg",
        description="A real-time background filter for webcams.",
        epilog="`livebg COMMAND --help` shows the options of a command.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"livebg {__version__}")
    _describe_debug(parser)
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND")
    for name, meaning in COMMANDS.items():
        if name == chosen:
            importlib.import_module(f"livebg.cli.{name}").add_parser(subparsers)
        else:
            subparsers.add_parser(name, help=meaning, add_help=False)
    if chosen is None:
        return parser, parser
    subparser: argparse.ArgumentParser = subparsers.choices[chosen]
    subparser.allow_abbrev = False
    _describe_debug(subparser)
    return parser, subparser


def _describe_debug(parser: argparse.ArgumentParser) -> None:
    """Show ``--debug`` in a parser's help; ``main`` takes it out wherever it stands."""
    parser.add_argument(
        "--debug",
        action="store_true",
        default=argparse.SUPPRESS,
        help="log what happens, and show the traceback of an error",
    )


def _refuse(word: str, parser: argparse.ArgumentParser) -> NoReturn:
    if word.startswith("-"):
        option = word.partition("=")[0]
        valid = re.findall(r"(?<![\w-])--[a-z][\w-]*", parser.format_help())
        hint = (
            did_you_mean(option, valid, prefix="--")
            or f"; `{parser.prog} --help` lists the options"
        )
        raise UsageError(f"{parser.prog} has no option {option}{hint}")
    raise UsageError(
        f"{parser.prog} does not know what to do with {word!r}; "
        f"`{parser.prog} --help` shows the usage"
    )


def _configure_logging(debug: bool) -> None:
    pattern = (
        "%(levelname)s %(threadName)s %(name)s: %(message)s" if debug else "livebg: %(message)s"
    )
    logging.basicConfig(format=pattern, level=logging.WARNING)
    logging.getLogger("livebg").setLevel(logging.DEBUG if debug else logging.WARNING)
    if not debug:
        # A user who waits for the compiler is told why.
        logging.getLogger("livebg.pixels.jit").setLevel(logging.INFO)


def _fail(sentence: str, status: int, debug: bool) -> int:
    try:
        if debug:
            traceback.print_exc()
        print(f"livebg: {sentence}", file=sys.stderr)
    except OSError:  # stderr is closed.
        drop_buffer(sys.stderr)
    return status


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())
