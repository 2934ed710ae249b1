"""Standard input, output and error where a shell has closed them, or where they take no more."""

from __future__ import annotations

import os
import sys
from typing import TextIO

from livebg.errors import SinkError

__all__ = ["drop", "flush_output", "open_closed_streams"]


def open_closed_streams() -> None:
    """Give each standard stream that is closed (``2>&-``) somewhere to read from or write to.

    Otherwise the next file that is opened would take the number of a closed one, and with it what
    a library prints.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened == number:
                os.set_inheritable(number, True)
            else:
                os.dup2(opened, number)
                os.close(opened)
    sys.stdin = sys.stdin or open(os.devnull, encoding="utf-8")  # noqa: SIM115 - stays open
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - likewise
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - likewise


def flush_output() -> None:
    """Write what was printed and is still held back.

    Raises:
        BrokenPipeError: nobody reads it any more.
        SinkError: it cannot be written.
    """
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        drop(sys.stdout)
        raise SinkError(
            f"the standard output cannot be written to ({error.strerror or error}), make room or "
            "send it elsewhere"
        ) from error


def drop(stream: TextIO) -> None:
    """Drop what a stream holds back: the interpreter would try to write it once more at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
