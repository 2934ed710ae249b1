"""A function in an interpreter of its own: its memory and processor time are nobody else's."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from livebg.errors import BenchError
from livebg.platform.process import tune_process

__all__ = ["run_isolated", "serve"]

_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")

_SERVE = "from livebg.bench.isolation import serve; serve()"


def run_isolated(
    function: Callable[_Parameters, _Result],
    *arguments: _Parameters.args,
    **named: _Parameters.kwargs,
) -> _Result:
    """Call ``function`` in a fresh process and return what it returns.

    The process ends with the call, also when this one is interrupted.

    Args:
        function: a function of a module, not of ``__main__``; it, its arguments and its result
            must be picklable.
        arguments: its arguments.
        named: its named arguments.

    Raises:
        BenchError: the process died.
        BaseException: whatever ``function`` raised, its traceback in the process as a note.

    Example:
        >>> import math
        >>> run_isolated(math.factorial, 5)
        120
    """
    child = subprocess.run(
        [sys.executable, "-c", _SERVE],
        input=pickle.dumps((function, arguments, named)),
        stdout=subprocess.PIPE,
        check=False,
    )
    if child.returncode:
        raise BenchError(
            f"the process that measured ended with status {child.returncode}, out of memory "
            "perhaps; measure smaller --sizes, or close other programs"
        )
    succeeded, result = pickle.loads(child.stdout)
    if not succeeded:
        raise result
    returned: _Result = result
    return returned


def serve() -> None:
    """Do what ``run_isolated`` wrote to stdin; answer on what was stdout, now free of prints."""
    tune_process()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the parent, which ends this one
    # A parent that was killed needs no answer.
    with contextlib.suppress(BrokenPipeError), os.fdopen(os.dup(1), "wb") as answer:
        os.dup2(2, 1)
        pickle.dump(_outcome(), answer)


def _outcome() -> tuple[bool, Any]:
    try:
        function, arguments, named = pickle.load(sys.stdin.buffer)
        return True, function(*arguments, **named)
    except Exception as error:
        error.add_note(traceback.format_exc())
        return False, error
