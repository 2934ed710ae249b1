"""Standard input, output and error where a shell has closed them, or where they take no more."""

from __future__ import annotations

import errno
import os
import sys
from typing import TextIO

__all__ = ["drop", "is_full", "open_closed_streams"]


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


def is_full(error: Exception) -> bool:
    """Say whether an error is that of a stream or a disk without room."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def drop(stream: TextIO) -> None:
    """Drop what a stream holds back: the interpreter would try to write it once more at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
